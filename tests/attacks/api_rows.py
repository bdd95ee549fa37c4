"""The access table of the API's routes."""

TABLE = {
    ("open", ()): """
        GET api_pages.document anybody
        GET api_pages.read anybody
        POST api_quick.ask api:chat or visitors
        POST api_quick.ask_and_watch api:chat or visitors
    """,
    ("people", ()): """
        GET api_capabilities.show api:read
        GET api_characters.index api:read
        POST api_characters.create api:chat
        POST api_characters.bring_in api:chat
        GET api_projects.index api:read
        POST api_projects.create api:chat
        POST api_projects.bring_in api:chat
        GET api_collections.index api:read
        POST api_collections.create api:knowledge
        GET api_documents.search api:read
        GET api_questions.index api:read
        POST api_questions.create api:knowledge
        POST api_questions.run api:knowledge
        GET api_personas.index api:read
        POST api_personas.create api:chat
        POST api_personas.bring_in api:chat
        GET api_prompts.index api:read
        GET api_starters.index api:read
        GET api_tools.index api:read
        GET api_tools.waiting api:read
        GET api_tool_servers.index api:tools
        POST api_mcp.receive api:mcp
        POST api_prompts.create api:chat
        GET api_chats.index api:read
        POST api_chats.create api:chat
        GET api_exchange.everything api:read
        POST api_files.create api:chat
        POST api_images.create api:chat
        POST api_exchange.bring_in api:chat
        GET api_account.show api:read
        PATCH api_account.change api:chat
        GET api_variables.show api:read
        PUT api_variables.replace api:chat
        GET api_account.index api:read
        POST api_account.create api:chat
        GET api_models.index api:read
        GET api_workflows.index api:read
        GET api_runs.index api:read
        GET api_usage.own api:read
        GET api_budgets.index api:read
        GET api_insights.summary api:read
        GET api_insights.series api:read
        GET api_insights.calls api:read
        GET api_insights.answers api:read
        POST api_assistant.ask api:chat
        POST api_assistant.ask_and_watch api:chat
        POST api_roleplay.send api:chat
        POST api_threads.create api:chat
        GET api_threads.index api:read
        POST api_door.complete api:chat
        GET api_door.models api:read
    """,
    ("admins", ()): """
        GET api_settings.index api:admin
        POST api_budgets.create api:admin
        GET api_experiments.index api:admin
        POST api_experiments.create api:admin
        GET api_alerts.index api:admin
        GET api_backups.index api:admin
        POST api_backups.create api:admin
        GET api_alerts.events api:admin
        GET api_mail.show api:admin
        PUT api_mail.enter api:admin
        DELETE api_mail.forget api:admin
        POST api_mail.test api:admin
        POST api_workflows.save api:workflows
        POST api_tool_servers.create api:tools
        PATCH api_models.change_model api:admin
        GET api_users.index api:admin
        GET api_groups.index api:admin
        POST api_groups.create api:admin
        GET api_permissions.index api:admin
        PUT api_permissions.replace api:admin
        GET api_users.index_invites api:admin
        POST api_users.invite api:admin
        GET api_usage.everybody api:admin
        GET api_metrics.show api:metrics
        GET api_roleplay.show_key api:admin
        PUT api_roleplay.store_key api:admin
        DELETE api_roleplay.forget_key api:admin
    """,
    ("reading people", ("chat",)): """
        GET api_chats.show api:read
        GET api_messages.index api:read
        GET api_folds.index api:read
        GET api_roleplay.listen api:read
        GET api_roleplay.status api:read
        GET api_threads.messages api:read
        GET api_threads.events api:read
    """,
    ("writing people", ("chat",)): """
        POST api_messages.send api:chat
        POST api_folds.fold_now api:chat
        POST api_roleplay.cancel api:chat
        POST api_threads.send api:chat
        POST api_threads.send_and_watch api:chat
        PUT api_follow_ups.queue api:chat
        DELETE api_follow_ups.remove api:chat
        POST api_follow_ups.send api:chat
    """,
    ("writing people", ("chat", "fold")): """
        PATCH api_folds.update api:chat
        DELETE api_folds.unfold api:chat
    """,
    ("writing people", ("chat", "place")): """
        PATCH api_follow_ups.edit api:chat
        DELETE api_follow_ups.remove_one api:chat
    """,
    ("person", ("chat",)): """
        PATCH api_chats.change api:chat
        DELETE api_chats.delete api:chat
        GET api_chats.take api:read
        GET api_chats.grants api:read
        POST api_suggestions.suggest api:chat
        DELETE api_suggestions.stop api:chat
    """,
    ("person, but no guest", ("chat",)): "PUT api_chats.grant api:chat",
    ("person", ("chat", "grant")): "DELETE api_chats.revoke api:chat",
    ("person, from the trash alone", ("chat",)): """
        POST api_chats.restore api:chat
        POST api_chats.erase api:chat
    """,
    ("reading people", ("call",)): "GET api_tools.show api:read",
    ("writing people", ("call",)): "POST api_tools.decide api:chat",
    ("reading people", ("message",)): "GET api_messages.show api:read",
    ("writing people", ("message",)): """
        PATCH api_messages.update api:chat
        POST api_messages.edit api:chat
        POST api_messages.show_version api:chat
        POST api_messages.keep api:chat
    """,
    ("writing people", ("answer",)): """
        POST api_messages.again api:chat
        POST api_messages.rewrite api:chat
        POST api_messages.go_on api:chat
    """,
    ("person", ("message",)): "DELETE api_messages.delete api:chat",
    ("person", ("answer",)): """
        GET api_feedback.show api:read
        PUT api_feedback.rate api:chat
        DELETE api_feedback.take_back api:chat
    """,
    ("person, from the trash too", ("message",)): "POST api_messages.restore api:chat",
    ("person, what was deleted alone", ("message",)): "POST api_messages.erase api:chat",
    ("reading people", ("generation",)): """
        GET api_generation_facts.of_generation api:read
        GET api_generations.show api:read
        POST api_generations.tell_reading api:chat
    """,
    ("person", ("generation",)): "GET api_generations.show_prompt api:read",
    ("readers", ("generation",)): "GET api_generations.events api:read or visitors",
    ("writing people", ("generation",)): """
        POST api_generations.stop api:chat
        POST api_generations.fuse api:chat
        POST api_generations.choose_model api:chat
        POST api_generations.go_on api:chat
    """,
    ("planners", ()): """
        POST api_plans.submit api:plans
        POST api_plans.generate api:plans
        POST api_plans.generate_and_watch api:plans
        POST api_plans.generate_several api:plans
    """,
    ("a planner's own", ("plan",)): """
        GET api_plans.status api:plans
        GET api_plans.events api:plans
        POST api_plans.go_on api:plans
        DELETE api_plans.cancel api:plans
    """,
    ("one's own", ("token",)): """
        DELETE api_account.revoke api:chat
        PATCH api_account.change_token api:chat
    """,
    ("one's own", ("character",)): """
        GET api_characters.show api:read
        PATCH api_characters.change api:chat
        DELETE api_characters.delete api:chat
        POST api_characters.duplicate api:chat
        PUT api_characters.add_favorite api:chat
        GET api_characters.show_persona api:read
        PUT api_characters.keep_persona api:chat
        DELETE api_characters.remove_favorite api:chat
        POST api_characters.replace_texts api:chat
        GET api_characters.avatar api:read
        GET api_characters.export api:read
        PUT api_characters.put_avatar api:chat
        DELETE api_characters.delete_avatar api:chat
    """,
    ("one's own", ("project",)): """
        GET api_projects.show api:read
        PATCH api_projects.change api:chat
        DELETE api_projects.delete api:chat
        GET api_projects.chats api:read
        GET api_projects.grants api:read
        GET api_projects.export api:read
        GET api_projects.files api:read
        POST api_projects.add_files api:knowledge
    """,
    ("one's own, but no guest", ("project",)): "PUT api_projects.grant api:chat",
    ("one's own", ("deleted project",)): "POST api_projects.restore api:chat",
    ("one's own", ("project", "project grant")): "DELETE api_projects.revoke api:chat",
    ("one's own", ("collection",)): """
        GET api_collections.show api:read
        PATCH api_collections.change api:knowledge
        DELETE api_collections.delete api:knowledge
        GET api_collections.grants api:read
        GET api_documents.index api:read
        POST api_documents.add api:knowledge
        POST api_collections.embed api:knowledge
    """,
    ("one's own, but no guest", ("collection",)): "PUT api_collections.grant api:knowledge",
    ("one's own", ("deleted collection",)): "POST api_collections.restore api:knowledge",
    ("one's own", ("collection", "collection grant")): "DELETE api_collections.revoke api:knowledge",
    ("one's own", ("question",)): "DELETE api_questions.delete api:knowledge",
    ("one's own", ("sent file",)): "GET api_files.show api:read",
    ("one's own", ("document",)): """
        GET api_documents.show api:read
        PATCH api_documents.change api:knowledge
        DELETE api_documents.delete api:knowledge
        POST api_documents.again api:knowledge
        GET api_documents.text api:read
        GET api_documents.file api:read
        GET api_documents.passages api:read
    """,
    ("one's own", ("deleted document",)): "POST api_documents.restore api:knowledge",
    ("one's own", ("deleted character",)): "POST api_characters.restore api:chat",
    ("one's own", ("persona",)): """
        GET api_personas.show api:read
        PATCH api_personas.change api:chat
        DELETE api_personas.delete api:chat
        GET api_personas.avatar api:read
        PUT api_personas.put_avatar api:chat
        DELETE api_personas.delete_avatar api:chat
    """,
    ("one's own", ("prompt",)): """
        GET api_prompts.show api:read
        DELETE api_prompts.delete api:chat
        GET api_prompts.versions api:read
        POST api_prompts.publish api:chat
        PUT api_prompts.choose api:chat
        PUT api_prompts.read_from api:chat
        PUT api_prompts.name_tools api:chat
        POST api_prompts.preview api:read
    """,
    ("one's own", ("deleted persona",)): "POST api_personas.restore api:chat",
    ("any name", ("budget",)): "GET api_budgets.show api:read",
    ("looked after", ("alert",)): """
        GET api_alerts.show api:admin
        PATCH api_alerts.change api:admin
        POST api_alerts.mute api:admin
        POST api_alerts.test api:admin
    """,
    ("looked after", ("experiment",)): """
        GET api_experiments.show api:admin
        POST api_experiments.stop api:admin
        DELETE api_experiments.delete api:admin
    """,
    ("looked after", ("budget",)): """
        PATCH api_budgets.change api:admin
        DELETE api_budgets.delete api:admin
    """,
    ("any name", ("model",)): "GET api_door.model api:read",
    ("any name", ("starter",)): "GET api_starters.show api:read",
    ("looked after", ("starter",)): """
        PATCH api_starters.change api:admin
        DELETE api_starters.reset api:admin
    """,
    ("looked after", ("setting",)): """
        GET api_settings.show api:admin
        PUT api_settings.change api:admin
        DELETE api_settings.reset api:admin
    """,
    ("any name", ("workflow",)): """
        GET api_workflows.show api:read
        POST api_workflows.start api:workflows
    """,
    ("looked after", ("group",)): """
        GET api_groups.show api:admin
        PATCH api_groups.rename api:admin
        DELETE api_groups.delete api:admin
    """,
    ("looked after", ("group", "person")): """
        PUT api_groups.put_in api:admin
        DELETE api_groups.take_out api:admin
    """,
    ("looked after", ("workflow",)): """
        DELETE api_workflows.delete api:workflows
        POST api_workflows.publish api:workflows
    """,
    ("one's own", ("run",)): """
        GET api_runs.show api:read
        GET api_runs.events api:read
        POST api_runs.answer api:workflows
        POST api_runs.bring api:workflows
        POST api_runs.ask api:workflows
        POST api_runs.back api:workflows
        POST api_runs.skip api:workflows
        POST api_runs.pause api:workflows
        POST api_runs.resume api:workflows
        POST api_runs.cancel api:workflows
        POST api_runs.move api:workflows
    """,
    ("one's own", ("run", "fact")): "PUT api_runs.change api:workflows",
    ("tool server's keeper", ("tool server",)): """
        GET api_tool_servers.show api:tools
        PATCH api_tool_servers.change api:tools
        DELETE api_tool_servers.delete api:tools
        POST api_tool_servers.refresh api:tools
        GET api_tool_servers.grants api:tools
        PUT api_tool_servers.grant api:tools
    """,
    ("tool server's keeper", ("tool server", "tool of a server")): "PATCH api_tool_servers.decide api:tools",
    ("tool server's keeper", ("tool server", "tool server grant")): "DELETE api_tool_servers.revoke api:tools",
    ("looked after", ("connection",)): "DELETE api_connections.forget_key api:admin",
    ("looked after", ("person",)): """
        GET api_users.show api:admin
        PATCH api_users.change api:admin
        DELETE api_users.delete api:admin
    """,
    ("looked after", ("invite",)): "DELETE api_users.revoke_invite api:admin",
}
