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
            settings.setdefault(section, {})
            continue
        key, equals, rest = line.partition("=")
        key, found = key.strip(), VALUE.fullmatch(rest.strip())
        if not equals or not key or not found:
            raise ValueError("line %d cannot be read" % number)
        if key in settings.setdefault(section, {}):
            raise ValueError("line %d: %s is given twice" % (number, key))
        settings[section][key] = value_of(*found.groups())
    return settings


def value_of(word, digits, quoted):
    if word is not None:
        return word == "true"
    if digits is not None:
        return int(digits)
    return re.sub(r"\\(.)", r"\1", quoted)
