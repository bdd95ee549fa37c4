"""The browser test that must fail for each of our scripts when the script is missing."""

NOTICED_BY = {
    "aloud": "test_read_aloud.py::test_an_answer_is_read_without_its_code",
    "attach": "test_attachments.py::test_long_pastes_and_files_stand_above_the_text",
    "away": "test_notifications.py::test_a_long_answer_offers_to_notify_and_its_end_does",
    "cards": "test_workflow_editor.py::test_cards_change_the_text_and_it_them",
    "code": "test_workflow_editor.py::test_the_drawn_letters_stand_where_the_typed_ones_do",
    "completing": "test_workflows.py::test_the_editor_completes_what_is_typed",
    "composer": "test_answers.py::test_the_keyboard_sends_breaks_lines_and_stops",
    "copy": "test_reading.py::test_code_can_be_wrapped_and_what_is_wide_scrolls_in_itself",
    "draw": "test_message_buttons.py::test_they_are_drawn_beside_each_message",
    "drop": "test_knowledge.py::test_files_are_dropped_anywhere_on_the_page_of_a_collection",
    "focus": "test_reading.py::test_the_focus_is_never_lost",
    "look": "test_preferences.py::test_a_look_is_shown_and_stored_as_soon_as_it_is_chosen",
    "led": "test_workflows.py::test_a_week_is_looked_back_on_by_keys_alone_and_each_question_is_heard_once",
    "follow": "test_composing.py::test_there_is_a_way_back_to_the_end",
    "inserting": "test_mentions.py::test_a_prompt_is_named_and_its_fields_are_filled_in",
    "grow": "test_answers.py::test_an_answer_streams_through_its_states",
    "health": "test_administrator.py::test_the_self_test_says_what_stands_between",
    "keys": "test_keys_and_printing.py::test_a_question_mark_shows_the_keys_but_not_to_who_is_typing",
    "mentions": "test_mentions.py::test_a_prompt_is_named_and_its_fields_are_filled_in",
    "lightbox": "test_attachments.py::test_pictures_are_looked_at_one_after_the_other",
    "models": "test_models.py::test_a_model_is_chosen_by_keyboard",
    "sortable": "test_models.py::test_fallbacks_are_put_in_order_by_button_key_and_pointer",
    "page": "test_layout.py::test_a_pause_is_told_by_one_button",
    "panel": "test_panel.py::test_it_opens_beside_the_chat_which_goes_on",
    "pause": "test_reading.py::test_the_display_is_held_and_catches_up",
    "quote": "test_quoting.py::test_selected_text_is_quoted_in_the_next_message",
    "saving": "test_chat_settings.py::test_each_field_is_saved_as_it_is_left_and_taken_back",
    "search": "test_search.py::test_the_search_is_gone_through_by_key",
    "sending": "test_sending.py::test_a_message_on_its_way_is_seen_at_once",
    "shared": "test_many_tabs.py::test_more_tabs_than_connections",
    "shared-worker": "test_many_tabs.py::test_more_tabs_than_connections",
    "sidebar": "test_sidebar.py::test_the_menu_of_a_row_renames_and_deletes_with_undo_by_key",
    "slider": "test_layout.py::test_parameters_are_changed_beside_the_composer",
    "speak": "test_reading.py::test_the_answer_is_heard_by_sentence",
    "speech": "test_quoted_speech.py::test_speech_has_its_own_color",
    "stream": "test_reading.py::test_the_title_and_the_icon_say_how_it_stands",
    "times": "test_layout.py::test_a_moment_in_a_text_is_the_readers",
    "unsaved": "test_characters.py::test_what_was_typed_in_a_form_is_not_lost_without_a_word",
    "visit": "test_visiting.py::test_a_click_in_the_sidebar_keeps_scripts_and_streams_the_next_answer",
    "upload": "test_attachments.py::test_a_picture_is_brought_looked_at_and_sent",
}


def missing_in(nodeid: str) -> list[str]:
    """Returns the scripts whose absence this test must notice."""
    return [name for name, test in NOTICED_BY.items() if nodeid.partition("[")[0].endswith(f"/{test}")]
