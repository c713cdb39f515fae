"""Makes an HTML page of a list of books: JSON on stdin, checked by a schema.

    pip install --target packages jinja2==3.1.6 docutils==0.22.2 jsonschema==4.17.3
    dormouse snapshot --packages packages examples/report.py -o report.dormouse
    echo '[{"title": "Momo", "year": 1973}]' | dormouse report.dormouse 'My *books*'

Importing these packages takes much longer than making the page. In an image that
is done once, and the packages need not be there when it is run.
"""

import json
import sys

import docutils.core
import docutils.writers.html5_polyglot as html
import dormouse
import jinja2
import jsonschema

SCHEMA = jsonschema.Draft7Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["title", "year"],
            "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
        },
    }
)

TEMPLATE = jinja2.Environment(autoescape=False).from_string(
    """{{ heading }}
{{ "=" * heading|length }}

{% for book in books|sort(attribute="year") %}
- **{{ book.title }}**, {{ book.year }}
{%- endfor %}

*{{ books|length }} in all*
"""
)

# What the writer takes, and nothing that would have to be read from a file.
SETTINGS = {
    **vars(docutils.core.Publisher(writer=html.Writer()).get_settings()),
    "stylesheet_path": "",
    "file_insertion_enabled": False,
    "raw_enabled": False,
}


def page(heading, books):
    SCHEMA.validate(books)
    text = TEMPLATE.render(heading=heading, books=books)
    document = docutils.core.publish_doctree(text, settings_overrides=SETTINGS)
    translator = html.HTMLTranslator(document)
    document.walkabout(translator)
    return "".join(translator.body_pre_docinfo + translator.body)


# Once, for what is only imported on the way.
page("Warm up", [{"title": "x", "year": 1}])
dormouse.snapshot_point()

try:
    print(page(sys.argv[1], json.load(sys.stdin)))
except jsonschema.ValidationError as error:
    sys.exit(f"{sys.argv[0]}: {error.message}")
