"""All tools that come with Millrace, in the order in which people see them."""

from webapp.tools.built_in.ask_person import ASK_PERSON
from webapp.tools.built_in.documents import READ_DOCUMENT, SEARCH_DOCUMENTS
from webapp.tools.built_in.make_picture import MAKE_PICTURE
from webapp.tools.built_in.read_page import READ_PAGE
from webapp.tools.built_in.run_python import RUN_PYTHON
from webapp.tools.built_in.search_web import SEARCH_WEB
from webapp.tools.built_in.write_file import WRITE_FILE
from webapp.tools.tool import Tool

ALL: tuple[Tool, ...] = (SEARCH_WEB, READ_PAGE, SEARCH_DOCUMENTS, READ_DOCUMENT, RUN_PYTHON, WRITE_FILE, MAKE_PICTURE, ASK_PERSON)
