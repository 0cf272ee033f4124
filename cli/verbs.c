#include "cli/command.h"

#define ANY SIZE_MAX

const struct ph_verb ph_verbs[] = {
    /* What every kind has. */
    {PH_ANY_KIND, "list", "", "the objects of the kind", NULL, 0, 0,
     ph_kind_list},
    {PH_ANY_KIND, "show", "NAME", "the fields of one", ph_kind_show_options, 0,
     1, ph_kind_show},
    {PH_ANY_KIND, "set", "NAME Field=Value ...",
     "change fields, all of them or none; creates what is not there; an empty "
     "value unsets",
     NULL, 1, ANY, ph_kind_set},
    {PH_ANY_KIND, "unset", "NAME Field ...", "back to the default", NULL, 1,
     ANY, ph_kind_unset},
    {PH_ANY_KIND, "remove", "NAME", "delete it", NULL, 0, 1, ph_kind_remove},

    {"rule", "list", "",
     "rules in the order in which they run, with drafts and errors", NULL, 0, 0,
     ph_rule_list},
    {"rule", "enable", "NAME", "run it", NULL, 1, 1, ph_rule_enable},
    {"rule", "disable", "NAME", "keep it, but do not run it", NULL, 1, 1,
     ph_rule_disable},
    {"rule", "move", "NAME --before OTHER",
     "give it another place in the order; prints the new order",
     ph_rule_move_options, 1, 1, ph_rule_move},
    {"rule", "test", "--message FILE",
     "what the rules would do with a message, for each recipient; nothing is "
     "sent and nothing is counted",
     ph_rule_test_options, 0, 0, ph_rule_test},
    {"rule", "explain", "--message FILE",
     "the same, and every condition of every rule: what it looked at, what "
     "matched, and where",
     ph_rule_explain_options, 0, 0, ph_rule_explain},
    {"rule", "stats", "[NAME]", "how often rules have hit, in order", NULL, 0,
     1, ph_rule_stats},
    {"rule", "import", "FILE",
     "add and change the rules of a file that Export-TransportRuleCollection "
     "wrote; - is standard input",
     ph_rule_import_options, 1, 1, ph_rule_import},
    {"rule", "export", "",
     "print the rules as Export-TransportRuleCollection would, for import",
     NULL, 0, 0, ph_rule_export},
    {"rule", "history", "[NAME]",
     "who changed what, newest first; changes made with redis-cli are in the "
     "next one",
     NULL, 0, 1, ph_rule_history},
    {"rule", "rollback", "NAME",
     "make it what it was before its last change; itself a change",
     ph_rule_rollback_options, 1, 1, ph_rule_rollback},
    {"server", "drain", "NAME",
     "it takes no new mail where another can; what is in its queue goes on",
     NULL, 1, 1, ph_server_drain},
    {"server", "resume", "NAME", "it is used again", NULL, 1, 1,
     ph_server_resume},
    {"database", "show", "NAME",
     "its fields and, with AutoActivation, who holds it just now",
     ph_kind_show_options, 1, 1, ph_database_show},
    {"database", "move", "NAME --to SERVER", "activate the copy on a server",
     ph_database_move_options, 1, 1, ph_database_move},
    {"recipient", "list", "",
     "the recipients, in Redis or in LDAP, in no order",
     ph_recipient_list_options, 0, 0, ph_recipient_list},
    {"recipient", "import", "FILE ...",
     "add and change those of LDIF or CSV files, - is standard input; removes "
     "nobody",
     ph_recipient_import_options, 1, ANY, ph_recipient_import},

    {"group", "expand", "GROUP",
     "who gets a message for it, each with one way into it",
     ph_group_expand_options, 1, 1, ph_group_expand},

    {"dataclassification", "types", "",
     "the sensitive information types in force: the built-in ones and those of "
     "packages",
     NULL, 0, 0, ph_dataclassification_types},
    {"dataclassification", "test", "[FILE]",
     "which types are found in a text, where, and by what; exit 1: none; - or "
     "nothing is standard input",
     ph_dataclassification_test_options, 0, 1, ph_dataclassification_test},

    {"inspect", NULL, "FILE ...",
     "what is in messages: parts, files in archives, their types, what rules "
     "can ask about them, and sensitive information",
     ph_inspect_options_table, 1, ANY, ph_inspect_run},
    {"resolve", NULL, "ADDRESS ...", "who is this address", NULL, 1, ANY,
     ph_resolve_run},
    {"mailbox", NULL, "ADDRESS ...",
     "where a mailbox is, and how full it is by its file", NULL, 1, ANY,
     ph_mailbox_run},
    {"route", NULL, "ADDRESS ...", "where mail for it goes next, and why",
     ph_route_options, 1, ANY, ph_route_run},
    {"map", NULL, "[MAP KEY]",
     "ask posthub-policy as Postfix would; alone: the maps there are", NULL, 0,
     2, ph_map_run},
    {"track", NULL, "", "message tracking, as Get-MessageTrackingLog",
     ph_track_options_table, 0, 0, ph_track_run},
    {"report", NULL, "MESSAGE-ID",
     "what has become of a message, for each recipient; exit 1: nobody knows "
     "it",
     ph_report_options, 1, 1, ph_report_run},
    {"status", NULL, "",
     "what the shared state says, and what the daemons here make of it",
     ph_status_options, 0, 0, ph_status_run},
    {"doctor", NULL, "[ROLE]",
     "what of this Postfix is not wired as posthub needs it, and the remedy; "
     "transport or frontend, unless its milter tells; exit 1: there is "
     "something",
     ph_doctor_options, 0, 1, ph_doctor_run},
    {"setup", "connectors", "",
     "what connectors say that Postfix reads only from master.cf, as a "
     "difference to it; exit 1: there is one",
     ph_setup_options, 0, 0, ph_setup_connectors_run},
    {"state", "show", "", "which organisation Redis holds, and this server",
     NULL, 0, 0, ph_state_show},
    {"state", "adopt", "",
     "let the daemons follow what Redis holds now, though much is gone", NULL,
     0, 0, ph_state_adopt},
    {"config", "show", "", "the settings in force", NULL, 0, 0, ph_config_show},
    {"config", "test", "", "is the configuration file good", NULL, 0, 0,
     ph_config_test},
    {0},
};
