#include "tests/unit/milters/frontend/common.h"
#include "tests/unit/milters/frontend/script.h"

#include "milters/frontend/outbound.h"

/*
 * What the far end says (script.h), and what the server of ours hears that
 * handed the message in. DNS is a table.
 */
#define HELLO "A", "S:220 x", "C:EHLO fe1.x.test"
#define PLAIN HELLO, "S:250 x"
#define MAIL "C:MAIL FROM:<s@out.test>", "S:250 2.1.0 Ok"
#define RCPT(address) "C:RCPT TO:<" address ">", "S:250 2.1.5 Ok"
#define DATA "C:DATA", "S:354 go", "D"
#define TAKEN PLAIN, MAIL, RCPT("r@far.test"), DATA, "S:250 2.0.0 taken"

static const char *const nobody_comes[] = {NULL};

/* Commands are put together from pieces. */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma) */
static const struct row {
	const char *what;
	const char *const *script;
	const char *to, *params[4], *rcpt_params[4];
	const char *header, *value; /* one more field */
	/* The verdict; 250: it is taken. */
	int code;
	const char *enhanced, *text;
} rows[] = {
    {"it is taken", (const char *const[]){TAKEN, NULL}, .code = 250},
    {"no extension is offered: none is used",
     (const char *const[]){TAKEN, NULL}, .params = {"SIZE=100", "RET=HDRS"},
     .rcpt_params = {"NOTIFY=FAILURE"}, .code = 250},
    {"all are offered",
     (const char *const[]){HELLO, "S:250-x", "S:250-SIZE", "S:250-DSN",
			   "S:250-SMTPUTF8", "S:250 8BITMIME",
			   "C:MAIL FROM:<s@out.test> BODY=8BITMIME SMTPUTF8 "
			   "RET=HDRS",
			   "S:250 Ok", "C:RCPT TO:<r@far.test> NOTIFY=NEVER",
			   "S:250 Ok", DATA, "S:250 Ok", NULL},
     .params = {"BODY=8BITMIME", "SMTPUTF8", "RET=HDRS"},
     .rcpt_params = {"NOTIFY=NEVER"}, .code = 250},
    {"an old server",
     (const char *const[]){HELLO, "S:502 what?", "C:HELO fe1.x.test", "S:250 x",
			   MAIL, RCPT("r@far.test"), DATA, "S:250 Ok", NULL},
     .code = 250},
    {"the recipient is refused",
     (const char *const[]){PLAIN, MAIL, "C:RCPT TO:<r@far.test>",
			   "S:550-5.1.1 nobody", "S:550 5.1.1 of that name",
			   NULL},
     .code = 550, .enhanced = "5.1.1", .text = "5.1.1 nobody"},
    {"the sender is",
     (const char *const[]){PLAIN, "C:MAIL FROM:<s@out.test>", "S:553 5.1.8 you",
			   NULL},
     .code = 553, .enhanced = "5.1.8", .text = "5.1.8 you"},
    {"later, says the far end",
     (const char *const[]){PLAIN, MAIL, "C:RCPT TO:<r@far.test>",
			   "S:450 4.2.0 greylisted", NULL},
     .code = 450, .enhanced = "4.2.0", .text = "4.2.0 greylisted"},
    {"DATA is refused",
     (const char *const[]){PLAIN, MAIL, RCPT("r@far.test"), "C:DATA",
			   "S:554 5.5.1 no", NULL},
     .code = 554, .enhanced = "5.5.1", .text = "5.5.1 no"},
    {"the content is refused",
     (const char *const[]){PLAIN, MAIL, RCPT("r@far.test"), DATA,
			   "S:552 5.3.4 too long", NULL},
     .code = 552, .enhanced = "5.3.4", .text = "5.3.4 too long"},
    {"no answer to the content",
     (const char *const[]){PLAIN, MAIL, RCPT("r@far.test"), DATA, "X", NULL},
     .code = 451, .enhanced = "4.4.2", .text = "Lost connection"},
    {"421 is no answer",
     (const char *const[]){PLAIN, "C:MAIL FROM:<s@out.test>",
			   "S:421 4.3.2 going down", NULL},
     .code = 451, .enhanced = "4.4.2", .text = "going down"},
    {"nor is a greeting of 554", (const char *const[]){"A", "S:554 no", NULL},
     .code = 451, .enhanced = "4.4.1", .text = "554 no"},
    {"TLS that a rule wants is not there", (const char *const[]){PLAIN, NULL},
     .header = PH_HEADER_REQUIRE_TLS, .value = " true", .code = 451,
     .enhanced = "4.7.5", .text = "TLS is required"},
    {"8 bits that cannot be said", (const char *const[]){PLAIN, NULL},
     .params = {"BODY=8BITMIME"}, .code = 554, .enhanced = "5.6.3",
     .text = "8BITMIME"},
    {"UTF-8 that cannot be said", (const char *const[]){PLAIN, NULL},
     .params = {"SMTPUTF8"}, .header = "X-Name", .value = " \303\247",
     .code = 550, .enhanced = "5.6.7", .text = "SMTPUTF8"},
    {"UTF-8 that nothing needs", (const char *const[]){TAKEN, NULL},
     .params = {"SMTPUTF8"}, .code = 250},
    {"a connector that a rule has chosen",
     (const char *const[]){PLAIN, MAIL, RCPT("r@far.test"), DATA, "S:250 Ok",
			   NULL},
     .header = PH_HEADER_CONNECTOR, .value = " Smart", .code = 250},
    {"one that does not exist", nobody_comes, .header = PH_HEADER_CONNECTOR,
     .value = " None", .code = 451, .enhanced = "4.4.4",
     .text = "None does not exist"},
    {"one that sends by itself", nobody_comes, .to = "r@direct.test",
     .code = 451, .enhanced = "4.4.4", .text = "No send connector"},
    {"the MX",
     (const char *const[]){PLAIN, MAIL, RCPT("r@mx.dns.test"), DATA, "S:250 Ok",
			   NULL},
     .to = "r@mx.dns.test", .code = 250},
    {"no MX",
     (const char *const[]){PLAIN, MAIL, RCPT("r@host.dns.test"), DATA,
			   "S:250 Ok", NULL},
     .to = "r@host.dns.test", .code = 250},
    {"null MX", nobody_comes, .to = "r@null.dns.test", .code = 556,
     .enhanced = "5.1.10", .text = "does not accept mail"},
    {"no such domain", nobody_comes, .to = "r@none.dns.test", .code = 550,
     .enhanced = "5.4.4", .text = "none.dns.test"},
    {"an MX without address", nobody_comes, .to = "r@astray.dns.test",
     .code = 451, .enhanced = "4.4.3", .text = "none.dns.test"},
    {"DNS cannot say", nobody_comes, .to = "r@away.dns.test", .code = 451,
     .enhanced = "4.4.3", .text = "away"},
    {"a login, in one line",
     (const char *const[]){HELLO, "S:250-x", "S:250 AUTH LOGIN plain",
			   "C:AUTH PLAIN AHVzZXIAcGFzczp3b3Jk",
			   "S:235 2.7.0 ok", MAIL, RCPT("r@login.test"), DATA,
			   "S:250 Ok", NULL},
     .to = "r@login.test", .code = 250},
    {"a login, question by question",
     (const char *const[]){
	 HELLO, "S:250-x", "S:250 AUTH X-PLAIN LOGIN", "C:AUTH LOGIN",
	 "S:334 name?", "C:dXNlcg==", "S:334 word?", "C:cGFzczp3b3Jk",
	 "S:235 ok", MAIL, RCPT("r@login.test"), DATA, "S:250 Ok", NULL},
     .to = "r@login.test", .code = 250},
    {"a login that is refused is no refusal of the message",
     (const char *const[]){HELLO, "S:250-x", "S:250 AUTH PLAIN",
			   "C:AUTH PLAIN AHVzZXIAcGFzczp3b3Jk",
			   "S:535 5.7.8 who?", NULL},
     .to = "r@login.test", .code = 451, .enhanced = "4.7.8",
     .text = "535 5.7.8 who?"},
    {"a login that is not offered",
     (const char *const[]){HELLO, "S:250-x", "S:250 AUTH CRAM-MD5", NULL},
     .to = "r@login.test", .code = 451, .enhanced = "4.7.8",
     .text = "neither PLAIN nor LOGIN"},
    {"a password that is not there",
     (const char *const[]){HELLO, "S:250-x", "S:250 AUTH PLAIN", NULL},
     .to = "r@lost.test", .code = 451, .enhanced = "4.7.8",
     .text = "cannot be read"},
    {"HELO alone",
     (const char *const[]){"A", "S:220 x", "C:HELO out.x.test", "S:250 x", MAIL,
			   RCPT("r@helo.test"), DATA, "S:250 Ok", NULL},
     .params = {"SIZE=100"}, .to = "r@helo.test", .code = 250},
    {"an MX of ours", nobody_comes, .to = "r@ours.dns.test", .code = 554,
     .enhanced = "5.4.6", .text = "loops back"},
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

static const struct {
	const char *name;
	enum ph_dns_type type;
	const char *value;
} zone[] = {
    {"mx.dns.test", PH_DNS_MX, "host.dns.test"},
    {"host.dns.test", PH_DNS_A, "127.0.0.1"},
    {"null.dns.test", PH_DNS_MX, ""},
    {"astray.dns.test", PH_DNS_MX, "none.dns.test"},
    {"ours.dns.test", PH_DNS_MX, "fe1.x.test"},
};

static int
find_in_zone(void *ctx, const char *name, enum ph_dns_type type,
	     int64_t deadline, GPtrArray **records_r, struct ph_err *err)
{
	(void)ctx;
	(void)deadline;
	*records_r = NULL;
	if (strcmp(name, "away.dns.test") == 0)
		return ph_err_set(err, PH_ERR_TEMP, "DNS: away");
	for (size_t i = 0; i < G_N_ELEMENTS(zone); i++) {
		struct ph_dns_record *record;

		if (strcmp(zone[i].name, name) != 0 || zone[i].type != type)
			continue;
		record = g_new0(struct ph_dns_record, 1);
		record->value = g_strdup(zone[i].value);
		*records_r = g_ptr_array_new_with_free_func(ph_dns_record_free);
		g_ptr_array_add(*records_r, record);
		return 1;
	}
	return 0;
}

/* ---- what the host would call ------------------------------------------- */

static char hub_address[] = "127.0.0.1", listener[] = PH_OUTBOUND_LISTENER;

static void
open_world(struct world *world, int port)
{
	world_open(world, port, 1);
	world->client.address = hub_address;
	world->client.daemon = listener;
	world->frontend.outbound = (struct ph_outbound){
	    .connect_timeout = 2000,
	    .timeout = 2000,
	    .try_timeout = 5000,
	    .ca_file = "",
	    .exchangers = {find_in_zone, NULL},
	};
}

static int
say_envelope(struct world *world, struct ph_mail *mail, const struct row *row)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_recipient *r;

	g_strfreev(mail->params);
	mail->params = g_strdupv((char **)(uintptr_t)row->params);
	if (ph_outbound_agent.on_mail(mail, &world->frontend, &err) != 0)
		return 1;
	r = ph_mail_add_recipient(
	    mail, row->to != NULL ? row->to : "r@far.test", row->rcpt_params);
	return ph_outbound_agent.on_rcpt(mail, r, &world->frontend, &err);
}

static int
say_content(struct world *world, struct ph_mail *mail, const struct row *row)
{
	const char *const fields[][2] = {
	    {"Subject", " hello"},
	    {"X-PostHub-AuthAs", " Internal"},
	    {row->header, row->value},
	};
	static const char body[] = ".dot\r\nend\r\n";
	struct ph_err err = PH_ERR_INIT;

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i][0] != NULL &&
		    ph_outbound_agent.on_header(mail, fields[i][0],
						fields[i][1], &world->frontend,
						&err) != 0)
			return 1;
	if (ph_outbound_agent.on_body(mail, body, strlen(body),
				      &world->frontend, &err) != 0)
		return 1;
	return ph_outbound_agent.on_message(mail, &world->frontend, &err);
}

static void
check_verdict(const struct row *row, const struct ph_verdict *verdict)
{
	g_autofree char *code = g_strdup_printf("%d", row->code);
	const char *text =
	    verdict->lines != NULL ? verdict->lines[0] : verdict->text;

	if (row->code == 250) {
		ck_assert_msg(verdict->decision == PH_DECISION_DISCARD,
			      "%s: %s %s", row->what, verdict->code, text);
		return;
	}
	ck_assert_msg(strcmp(verdict->code, code) == 0, "%s: %s %s", row->what,
		      verdict->code, text);
	ck_assert_msg(strcmp(verdict->enhanced, row->enhanced) == 0,
		      "%s: %s %s", row->what, verdict->enhanced, text);
	ck_assert_msg(strstr(text, row->text) != NULL, "%s: %s", row->what,
		      text);
}

/* ---- tests -------------------------------------------------------------- */

START_TEST(the_far_ends_answer)
{
	g_autofree char *directory = unit_mkdir();
	g_autofree char *file = g_build_filename(directory, "login", NULL);

	ck_assert(
	    g_file_set_contents(file, "user:pass:word\nmore\n", -1, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct server far;
		struct world world;
		struct ph_mail *mail;

		start_server(&far, rows[i].script);
		open_world(&world, far.port);
		world.frontend.outbound.credentials = directory;
		mail = world_mail(&world);
		ck_assert_msg(say_envelope(&world, mail, &rows[i]) == 0, "%s",
			      rows[i].what);
		ck_assert_msg(say_content(&world, mail, &rows[i]) == 1, "%s",
			      rows[i].what);
		check_verdict(&rows[i], &mail->verdict);
		ph_mail_free(&mail);
		if (rows[i].code == 250)
			ck_assert_msg(
			    g_str_has_suffix(far.content->str,
					     "\r\nSubject: hello\r\n\r\n"
					     "..dot\r\nend\r\n") ||
				rows[i].header != NULL,
			    "%s: %s", rows[i].what, far.content->str);
		ck_assert_ptr_null(strstr(far.content->str, "X-PostHub-"));
		end_server(&far);
		world_close(&world);
	}
	unit_rmdir(&directory);
}
END_TEST

START_TEST(who_may_not_come)
{
	static const struct row row = {.what = "a stranger"};
	struct world world;
	struct ph_mail *mail;

	open_world(&world, 1);
	world.client.address = world_address;
	mail = world_mail(&world);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 1);
	ck_assert_str_eq(mail->verdict.enhanced, "5.7.1");
	ph_mail_free(&mail);
	/* One that may be a server of ours, as nobody can say now. */
	world.frontend.peers = ph_peers_new(NULL);
	mail = world_mail(&world);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 1);
	ck_assert_str_eq(mail->verdict.code, "451");
	ph_mail_free(&mail);
	ph_peers_stop(&world.frontend.peers);
	world_close(&world);
}
END_TEST

START_TEST(one_recipient_a_message)
{
	static const struct row row = {.what = "the first"};
	struct ph_err err = PH_ERR_INIT;
	struct world world;
	struct ph_mail *mail;
	struct ph_recipient *second;

	open_world(&world, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 0);
	second = ph_mail_add_recipient(mail, "t@far.test", NULL);
	ck_assert_int_eq(
	    ph_outbound_agent.on_rcpt(mail, second, &world.frontend, &err), 1);
	ck_assert_str_eq(mail->verdict.code, "452");
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

/* The other agent leaves it alone, and this one does what comes in. */
START_TEST(each_agent_has_its_listener)
{
	static const struct row row = {.what = "any"};
	struct ph_err err = PH_ERR_INIT;
	struct world world;
	struct ph_mail *mail;

	open_world(&world, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(ph_frontend_agent.on_mail(mail, &world.frontend, &err),
			 0);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 0);
	ck_assert_int_eq(ph_frontend_agent.on_rcpt(mail,
						   mail->recipients->pdata[0],
						   &world.frontend, &err),
			 0);
	ck_assert_int_eq(
	    ph_frontend_agent.on_header(mail, "A", " b", &world.frontend, &err),
	    0);
	ph_mail_free(&mail);
	world.client.daemon = world_daemon;
	mail = world_mail(&world);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 0);
	ck_assert_int_eq(say_content(&world, mail, &row), 0);
	ck_assert_ptr_null(mail->work.data);
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

START_TEST(a_relay_keeps_it_in_its_queue)
{
	static const struct row row = {.what = "any"};
	struct world world;
	struct ph_mail *mail;

	open_world(&world, 1);
	world.frontend.outbound.relay = true;
	mail = world_mail(&world);
	ck_assert_int_eq(say_envelope(&world, mail, &row), 0);
	ck_assert_int_eq(say_content(&world, mail, &row), 0);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_ACCEPT);
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

static const struct {
	const char *text, *host; /* NULL: none */
	bool mx;
	int port;
} targets[] = {
    {"mx.test", "mx.test", true, 25},
    {"mx.test:587", "mx.test", true, 587},
    {"[mx.test]:587", "mx.test", false, 587},
    {"[192.0.2.1]", "192.0.2.1", false, 25},
    {"192.0.2.1:26", "192.0.2.1", false, 26},
    {"[ipv6:2001:db8::1]:25", "2001:db8::1", false, 25},
    {"[mx.test", NULL, false, 0},
    {"mx.test:0", NULL, false, 0},
    {"mx.test:x", NULL, false, 0},
    {"", NULL, false, 0},
    {"[]:25", NULL, false, 0},
};

START_TEST(targets_are_read)
{
	for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
		struct ph_target target;
		bool good = ph_target_parse(targets[i].text, &target);

		ck_assert_msg(good == (targets[i].host != NULL), "%s",
			      targets[i].text);
		if (!good)
			continue;
		ck_assert_str_eq(target.host, targets[i].host);
		ck_assert_int_eq(target.mx, targets[i].mx);
		ck_assert_int_eq(target.port, targets[i].port);
	}
}
END_TEST

UNIT_MAIN("milters/frontend/outbound", the_far_ends_answer, who_may_not_come,
	  one_recipient_a_message, each_agent_has_its_listener,
	  a_relay_keeps_it_in_its_queue, targets_are_read)
