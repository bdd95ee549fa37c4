"""Pages in other languages: 40 % longer on a phone, and from right to left."""

from playwright.sync_api import ViewportSize, expect

from tests.browser.conftest import Visit
from tests.support import pseudo
from tests.support.catalogues import write_catalogue
from tests.support.server import Server
from tests.upstream.handle import Upstream

PHONE: ViewportSize = {"width": 390, "height": 844}
PAGES = (
    "/",
    "/chats",
    "/settings/look",
    "/settings/chats",
    "/admin",
    "/admin/settings/limits",
    "/characters",
    "/knowledge",
    "/account",
)
# Buttons whose words go beyond them, or are cut off.
CLIPPED = """[...document.querySelectorAll("main button, main .button")].filter(button => button.checkVisibility()
  && button.scrollWidth > button.clientWidth + 2).map(button => button.textContent.trim().slice(0, 60))"""
HEBREW = {
    "New chat": "שיחה חדשה", "Search": "חיפוש", "Projects": "פרויקטים", "Characters": "דמויות", "Knowledge": "ידע",
    "Prompts": "הנחיות", "Settings": "הגדרות", "Your settings": "ההגדרות שלך", "Save": "שמירה", "Cancel": "ביטול",
    "Delete": "מחיקה", "Close": "סגירה", "Send": "שליחה", "Stop": "עצירה", "Copy": "העתקה", "Edit": "עריכה",
    "Try again": "ניסיון נוסף", "Continue": "המשך", "Share": "שיתוף", "Archive": "ארכיון", "Trash": "אשפה",
    "Tags": "תגיות", "Presets": "תבניות", "Plans & workflows": "תוכניות ותהליכים", "Plans": "תוכניות",
    "Workflows": "תהליכים", "Schedules": "לוחות זמנים", "Help": "עזרה", "Sign out": "יציאה", "Sign in": "כניסה",
    "Language": "שפה", "Theme": "ערכת צבעים", "System": "מערכת", "Light": "בהיר", "Dark": "כהה", "Appearance": "מראה",
    "Sidebar": "סרגל צד", "Answer font": "גופן התשובות", "Text size": "גודל הטקסט", "Small": "קטן", "Large": "גדול",
    "Standard": "רגיל", "Narrow": "צר", "Wide": "רחב", "Normal": "רגיל", "Density": "צפיפות", "Accent color": "צבע הדגשה",
    "Contrast": "ניגודיות", "High": "גבוהה", "Today": "היום", "All chats": "כל השיחות", "Options": "אפשרויות",
    "Message": "הודעה", "Model": "מודל", "Administration": "ניהול", "Models": "מודלים", "People": "אנשים",
    "Costs": "עלויות", "Advanced": "מתקדם", "just now": "ממש עכשיו", "yesterday": "אתמול", "Name": "שם",
    "Description": "תיאור", "Reading width": "רוחב הקריאה", "Keyboard shortcuts": "קיצורי מקלדת",
}  # fmt: skip


def test_longer_words_fit_on_a_phone(own_server: Server, visit: Visit, upstream: Upstream) -> None:
    folder = own_server.folder / "compiled" / "languages"
    pseudo.write(folder)
    own_server.lift_limits()
    own_server.start()
    visit(own_server).open("/")
    person = visit(own_server, viewport=PHONE, locale=pseudo.CODE)
    expect(person.open("/").locator("html")).to_have_attribute("lang", pseudo.CODE)
    upstream.says("Two words.")
    page = person.begin("Hello").page
    expect(page.locator("[data-role=assistant][data-status=completed]")).to_be_visible()
    faults = []
    for path in (*PAGES, page.url):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        faults += [f"{path} is {width} wide"] * (width > PHONE["width"]) + [
            f"{path}: {words}" for words in page.evaluate(CLIPPED)
        ]
    assert faults == []


def test_a_language_that_is_written_from_right_to_left_turns_the_page_around(own_server: Server, visit: Visit) -> None:
    write_catalogue(own_server.folder / "compiled" / "languages", "he", HEBREW, name="עברית")
    own_server.lift_limits()
    own_server.start()
    visit(own_server).open("/")
    page = visit(own_server, locale="he", viewport={"width": 1280, "height": 800}).open("/settings/look")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    sidebar, sheet = page.locator("#sidebar").bounding_box(), page.locator("main").bounding_box()
    assert sidebar
    assert sheet
    assert sidebar["x"] > sheet["x"]
    page.set_viewport_size(PHONE)
    for path in ("/", "/chats", "/settings/look", "/characters"):
        page.goto(path)
        assert page.evaluate("[document.documentElement.scrollWidth, scrollX]") == [PHONE["width"], 0], path
