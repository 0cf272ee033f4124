#include "cli/doctor.h"

#include "tests/unit/unit.h"

enum {
	WELL = PH_DOCTOR_WELL,
	OTHER = PH_DOCTOR_OTHER,
	WRONG = PH_DOCTOR_WRONG
};

#define POLICY                                                               \
	"check_policy_service { unix:posthub/policy.sock, { default_action " \
	"= 421 4.3.5 No } }"

static const struct {
	const char *name, *is, *wanted;
	int answer;
} cases[] = {
    {"mydestination", "", "", WELL},
    {"mydestination", NULL, "", WELL},
    {"mydestination", "localhost", "", WRONG},
    {"relay_domains", NULL, "socketmap:unix:posthub/map.sock:domain", WRONG},
    {"relay_domains", "hash:/x, socketmap:unix:posthub/map.sock:domain",
     "socketmap:unix:posthub/map.sock:domain", WELL},
    {"relay_domains", "socketmap:unix:posthub/map.sock:domainx",
     "socketmap:unix:posthub/map.sock:domain", WRONG},
    {"milter_default_action", "accept", "tempfail", WRONG},
    {"milter_default_action", "tempfail accept", "tempfail", WRONG},
    {"message_size_limit", "0", "37748736", OTHER},
    {"milter_command_timeout", "5s", "30s", OTHER},
    /* Order counts, what stands between does not. */
    {"smtpd_relay_restrictions", "a permit_mynetworks,b reject",
     "permit_mynetworks, reject", WELL},
    {"smtpd_relay_restrictions", "reject permit_mynetworks",
     "permit_mynetworks, reject", WRONG},
    {"smtpd_recipient_restrictions", "a, " POLICY ", b", POLICY, WELL},
    {"smtpd_recipient_restrictions",
     "check_policy_service {unix:posthub/policy.sock,{default_action=421 4.3.5 "
     "No}}",
     "check_policy_service { unix:posthub/policy.sock,\n{default_action=421 "
     "4.3.5  No } }",
     WELL},
    {"smtpd_recipient_restrictions",
     "check_policy_service unix:posthub/policy.sock", POLICY, WRONG},
    /* Signers may come after posthub-transport, nobody after a front end. */
    {"smtpd_milters", "x, unix:posthub/transport.sock, y",
     "unix:posthub/transport.sock", WELL},
    {"smtpd_milters", "x, unix:posthub/frontend.sock",
     "unix:posthub/frontend.sock", WELL},
    {"smtpd_milters", "unix:posthub/frontend.sock, x",
     "unix:posthub/frontend.sock", WRONG},
    {"smtpd_milters", "{ broken, unix:posthub/frontend.sock",
     "unix:posthub/frontend.sock", WRONG},
};

START_TEST(test_values)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		ck_assert_msg((int)ph_doctor_compare(cases[i].name, cases[i].is,
						     cases[i].wanted) ==
				  cases[i].answer,
			      "%s = %s", cases[i].name,
			      cases[i].is ? cases[i].is : "(not set)");
}
END_TEST

static const char wanted_text[] =
    "smtp unix - - y - - smtp\n"
    "bounce unix - - y - 0 bounce\n  -o cleanup_service_name=posthub-reports\n"
    "# ---- posthub ----\n"
    "2525 inet n - y - 500 smtpd\n  -o smtpd_timeout=600s\n"
    "  -o receive_override_options=no_address_mappings\n"
    "ph-hub unix - - y - - smtp\n  -o smtp_fallback_relay=\n";

/* Places of the symptoms, with their names, each in brackets. */
static char *
find(const char *text)
{
	struct ph_master *is = NULL, *wanted = NULL;
	g_autoptr(GPtrArray) symptoms = ph_symptoms_new();
	GString *out = g_string_new(NULL);

	ck_assert_int_eq(ph_master_parse_whole(text, &is, NULL), 0);
	ck_assert_int_eq(ph_master_parse(wanted_text, &wanted, NULL), 0);
	ph_doctor_services(is, wanted, ph_doctor_mark(wanted_text), "/f",
			   symptoms);
	for (guint i = 0; i < symptoms->len; i++) {
		const struct ph_symptom *s = symptoms->pdata[i];

		g_string_append_printf(out, "%s[%s %s]", s->wrong ? "" : "~",
				       s->where, s->name);
	}
	ph_master_free(&is);
	ph_master_free(&wanted);
	return g_string_free(out, FALSE);
}

#define FIND(text, wanted)                         \
	do {                                       \
		g_autofree char *got = find(text); \
		ck_assert_str_eq(got, wanted);     \
	} while (0)

START_TEST(test_services)
{
	FIND(wanted_text, "");
	FIND("smtp unix - - y - - smtp\n",
	     "[master.cf: bounce/unix ][master.cf: 2525/inet ]"
	     "[master.cf: ph-hub/unix ]");
	FIND("bounce unix - - y - 0 bounce\n"
	     "127.0.0.1:2500 inet n - y - - smtpd -o smtpd_timeout=1s\n"
	     " -o { receive_override_options = no_address_mappings }\n"
	     "ph-hub unix - - y - - lmtp -o smtp_fallback_relay=x\n",
	     "[master.cf: bounce/unix cleanup_service_name]"
	     "~[master.cf: 127.0.0.1:2500/inet smtpd_timeout]"
	     "[master.cf: ph-hub/unix ]"
	     "[master.cf: ph-hub/unix smtp_fallback_relay]");
	/* What is empty there is not what main.cf may say. */
	FIND("bounce unix - - y - 0 bounce -o cleanup_service_name="
	     "posthub-reports\n"
	     "2525 inet n - y - - smtpd -o smtpd_timeout=600s\n"
	     " -o receive_override_options=no_address_mappings\n"
	     "ph-hub unix - - y - - smtp\n",
	     "[master.cf: ph-hub/unix smtp_fallback_relay]");
	ck_assert_uint_eq(ph_doctor_mark("a\n# ---- posthub -\n"), 2);
	ck_assert_uint_eq(ph_doctor_mark("a\n"), 0);
}
END_TEST

UNIT_MAIN("cli/doctor", test_values, test_services)
