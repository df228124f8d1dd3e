def parse_settings(text):
    settings, section = {}, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            settings.setdefault(section, {})
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or key in settings.setdefault(section, {}):
            raise ValueError("line %d" % number)
        if value in ("true", "false"):
            settings[section][key] = value == "true"
        elif value.lstrip("-").isdigit():
            settings[section][key] = int(value)
        elif len(value) > 1 and value[0] == value[-1] == '"':
            settings[section][key] = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        else:
            raise ValueError("line %d" % number)
    return settings
