"""From files to frozen settings: INI and JSON by one schema, every error at once.

Floor 2: imports no source, no destination, no framing; the kinds come as an argument.

    model      what comes out
    words      quoting a value in an error, the nearest known name
    files      reading config files and secrets, with their modes
    raw        what a file says, before anything is known of its meaning
    ini, jsonfile   text -> raw
    secret     an option's value, or what its _file or _credential names
    build      raw + config class -> config object
    channels   raw sections or a JSON object -> ChannelSettings
    claims     what each channel takes for itself, and who is in whose way
    load       files -> Settings
    show       config objects -> INI or JSON, secrets masked
    reference  config classes -> the option reference
    page_words the words of the documentation page
    forms      config classes -> what a form needs to know
"""
