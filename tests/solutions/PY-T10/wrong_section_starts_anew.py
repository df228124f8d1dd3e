import re

VALUE = re.compile(r'(?:(true|false)|(-?[0-9]+)|"((?:[^"\\]|\\["\\])*)")\s*(?:#.*)?')


def parse_settings(text):
    settings, section = {}, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            settings[section] = {}
            continue
        key, equals, rest = line.partition("=")
        key, found = key.strip(), VALUE.fullmatch(rest.strip())
        if not equals or not key or not found or key in settings.get(section, {}):
            raise ValueError("line %d cannot be read" % number)
        word, digits, quoted = found.groups()
        value = word == "true" if word else int(digits) if digits else re.sub(r"\\(.)", r"\1", quoted)
        settings.setdefault(section, {})[key] = value
    return settings
