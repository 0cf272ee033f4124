#include "tracking/maillog.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795305600000) /* 2026-11-22T00:00:00Z */

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* Everything that was parsed, in one text. */
static char *
parse(const char *text)
{
	static const char *const names[] = {
	    [PH_MAILLOG_MESSAGE_ID] = "MESSAGE_ID",
	    [PH_MAILLOG_NMID] = "NMID",
	    [PH_MAILLOG_ACTIVE] = "ACTIVE",
	    [PH_MAILLOG_HELD] = "HELD",
	    [PH_MAILLOG_EXPIRED] = "EXPIRED",
	    [PH_MAILLOG_REMOVED] = "REMOVED",
	    [PH_MAILLOG_SENT] = "SENT",
	    [PH_MAILLOG_DEFERRED] = "DEFERRED",
	    [PH_MAILLOG_BOUNCED] = "BOUNCED",
	    [PH_MAILLOG_DSN] = "DSN",
	};
	g_autofree char *line = g_strdup(text);
	GString *all = g_string_new(NULL);
	struct ph_maillog m;

	if (ph_maillog_parse(line, NOW, &m) == 0)
		return g_string_free(g_string_assign(all, "none"), FALSE);
	g_string_append_printf(all, "%s %" G_GINT64_FORMAT " %s/%s/%s %s",
			       names[m.kind], m.time, m.service, m.daemon,
			       m.pid, m.queue_id);
	const struct {
		const char *name, *value;
	} fields[] = {
	    {"id", m.message_id},  {"nmid", m.nmid},
	    {"from", m.sender},	   {"size", m.size},
	    {"to", m.recipient},   {"orig", m.orig_recipient},
	    {"relay", m.relay},	   {"delay", m.delay},
	    {"status", m.status},  {"text", m.text},
	    {"other", m.other_id},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (*fields[i].value != '\0')
			g_string_append_printf(all, " %s=%s", fields[i].name,
					       fields[i].value);
	if (m.transmission != 0)
		g_string_append_printf(all, " tx=%" G_GINT64_FORMAT,
				       m.transmission);
	return g_string_free(all, FALSE);
}

#define AT_22_50_09 "1795301409000"
#define AT_22_50_52 "1795301452000"
#define POSTFIX "Nov 21 22:50:52 mbx1 postfix-MBX1/"
#define NMID "a1b2c3d4-1e63-493a-80a2-08da9a4ff8da"

/* Lines of a real Postfix 3.7 with a milter that adds the header, unless the
 * comment says otherwise. */
static const struct {
	const char *line, *expected;
} lines[] = {
    {"Nov 21 22:50:09 mbx1 postfix-MBX1/cleanup[8553]: A5105A72013: "
     "message-id=<mmota@a.test@letsexchange.com>",
     "MESSAGE_ID " AT_22_50_09 " postfix-MBX1/cleanup/8553 A5105A72013 "
     "id=<mmota@a.test@letsexchange.com>"},
    {"Nov 21 22:50:09 mbx1 postfix-MBX1/cleanup[8553]: A5105A72013: "
     "milter-header-info: header X-PostHub-Network-Message-Id: "
     "a1b2c3d4-1e63-493a-80a2-08da9a from unknown[127.0.0.1]; "
     "from=<nuno@letsexchange.com> to=<mota@a.test> proto=ESMTP "
     "helo=<[127.0.0.1]>: nmid=" NMID,
     "NMID " AT_22_50_09 " postfix-MBX1/cleanup/8553 A5105A72013 nmid=" NMID},
    {POSTFIX "qmgr[8715]: 0F41AA721D2: from=<nuno@letsexchange.com>, size=352, "
	     "nrcpt=3 (queue active)",
     "ACTIVE " AT_22_50_52 " postfix-MBX1/qmgr/8715 0F41AA721D2 "
     "from=nuno@letsexchange.com size=352"},
    {POSTFIX "qmgr[8715]: 5B2EFA721D8: from=<>, size=2491, nrcpt=1 "
	     "(queue active)",
     "ACTIVE " AT_22_50_52 " postfix-MBX1/qmgr/8715 5B2EFA721D8 size=2491"},
    {POSTFIX "ph-mailbox/lmtp[8724]: 0F41AA721D2: to=<a1@a.test>, "
	     "relay=127.0.0.1[127.0.0.1]:10475, delay=0.01, "
	     "delays=0.01/0.01/0/0, dsn=2.2.0, status=sent (250 2.2.0 Ok)",
     "SENT " AT_22_50_52 " ph-mailbox/lmtp/8724 0F41AA721D2 to=a1@a.test "
     "relay=127.0.0.1[127.0.0.1]:10475 delay=0.01 status=sent "
     "text=250 2.2.0 Ok"},
    {POSTFIX "ph-fork/lmtp[8561]: BAC81A72042: to=<tok@fork.posthub.invalid>, "
	     "relay=mbx1.letsexchange.com[posthub/fork.sock], delay=0.01, "
	     "delays=0/0.01/0/0, dsn=2.2.0, status=sent (250 2.2.0 Ok)",
     "SENT " AT_22_50_52 " ph-fork/lmtp/8561 BAC81A72042 "
     "to=tok@fork.posthub.invalid "
     "relay=mbx1.letsexchange.com[posthub/fork.sock] delay=0.01 status=sent "
     "text=250 2.2.0 Ok"},
    {POSTFIX "ph-hub/smtp[8727]: 1921EA721D2: to=<d@down.test>, relay=none, "
	     "delay=1.1, delays=1.1/0/0/0, dsn=4.4.1, status=deferred "
	     "(connect to 127.0.0.1[127.0.0.1]:12525: Connection refused)",
     "DEFERRED " AT_22_50_52 " ph-hub/smtp/8727 1921EA721D2 to=d@down.test "
     "relay=none delay=1.1 status=deferred "
     "text=connect to 127.0.0.1[127.0.0.1]:12525: Connection refused"},
    {POSTFIX "ph-hub/smtp[8567]: E018CA72143: to=<d@defer.test>, "
	     "relay=127.0.0.1[127.0.0.1]:10527, delay=0.01, delays=0/0/0/0, "
	     "dsn=5.3.0, status=bounced (host 127.0.0.1[127.0.0.1] said: "
	     "500 5.3.0 Error: command failed (in reply to RCPT TO command))",
     "BOUNCED " AT_22_50_52 " ph-hub/smtp/8567 E018CA72143 to=d@defer.test "
     "relay=127.0.0.1[127.0.0.1]:10527 delay=0.01 status=bounced "
     "text=host 127.0.0.1[127.0.0.1] said: 500 5.3.0 Error: command failed "
     "(in reply to RCPT TO command)"},
    {POSTFIX "qmgr[8758]: 64741A721D9: from=<nuno@letsexchange.com>, "
	     "status=expired, returned to sender",
     "EXPIRED " AT_22_50_52 " postfix-MBX1/qmgr/8758 64741A721D9 "
     "from=nuno@letsexchange.com status=expired"},
    {POSTFIX "qmgr[8715]: 1921EA721D2: from=<nuno@letsexchange.com>, "
	     "status=force-expired, returned to sender",
     "EXPIRED " AT_22_50_52 " postfix-MBX1/qmgr/8715 1921EA721D2 "
     "from=nuno@letsexchange.com status=force-expired"},
    {POSTFIX "bounce[8728]: 1921EA721D2: sender non-delivery notification: "
	     "5B2EFA721D8",
     "DSN " AT_22_50_52 " postfix-MBX1/bounce/8728 1921EA721D2 "
     "status=non-delivery other=5B2EFA721D8"},
    {POSTFIX "qmgr[8715]: 1921EA721D2: removed",
     "REMOVED " AT_22_50_52 " postfix-MBX1/qmgr/8715 1921EA721D2"},
    {POSTFIX "ph-mailbox/lmtp[8554]: 114D3A72162: to=<\"quo ted\"@a.test>, "
	     "relay=none, delay=0, delays=0/0/0/0, dsn=5.4.4, status=bounced "
	     "(Host or domain name not found. Name service error for "
	     "name=localhost type=A: Host not found)",
     "BOUNCED " AT_22_50_52 " ph-mailbox/lmtp/8554 114D3A72162 "
     "to=\"quo ted\"@a.test relay=none delay=0 status=bounced "
     "text=Host or domain name not found. Name service error for "
     "name=localhost type=A: Host not found"},
    /* As documented: an alias, a kept connection, a long queue id. */
    {POSTFIX "smtp[1]: 4DJ5X20kqHz1Fk: to=<a@b.test>, orig_to=<alias@b.test>, "
	     "relay=mx.b.test[2001:db8::1]:25, conn_use=2, delay=12, "
	     "delays=0.1/0/1.5/10.25, dsn=2.0.0, status=sent "
	     "(250 2.0.0 Ok: queued as 4DJ5X)",
     "SENT " AT_22_50_52 " postfix-MBX1/smtp/1 4DJ5X20kqHz1Fk to=a@b.test "
     "orig=alias@b.test relay=mx.b.test[2001:db8::1]:25 delay=12 status=sent "
     "text=250 2.0.0 Ok: queued as 4DJ5X tx=10250"},
    {POSTFIX "error[1]: ABCDEF: to=<a@b.test>, relay=none, delay=0, "
	     "delays=0/0/0/0, dsn=4.4.4, status=deferred (no route)",
     "DEFERRED " AT_22_50_52 " postfix-MBX1/error/1 ABCDEF to=a@b.test "
     "relay=none delay=0 status=deferred text=no route"},
    {POSTFIX "smtp[1]: ABCDEF: to=<a@b.test>, relay=none, delay=0, "
	     "delays=0/0/0/0, dsn=5.0.0, status=SOFTBOUNCE (no)",
     "DEFERRED " AT_22_50_52 " postfix-MBX1/smtp/1 ABCDEF to=a@b.test "
     "relay=none delay=0 status=SOFTBOUNCE text=no"},
    {POSTFIX "cleanup[1]: ABCDEF: milter-hold: END-OF-MESSAGE from x[192.0.2.1]"
	     ": milter triggers HOLD action; from=<a@b> to=<c@d> proto=SMTP",
     "HELD " AT_22_50_52 " postfix-MBX1/cleanup/1 ABCDEF"},
    /* A recipient that looks like a delivery. */
    {POSTFIX "smtp[1]: ABCDEF: to=<\"x>, relay=evil[192.0.2.9]:25, delay=0, "
	     "delays=0/0/0/0, dsn=2.0.0, status=sent (250 \\\"ok\"@b.test>, "
	     "relay=none, delay=0, delays=0/0/0/0, dsn=4.0.0, status=deferred "
	     "(no)",
     "DEFERRED " AT_22_50_52 " postfix-MBX1/smtp/1 ABCDEF to=\"x>, "
     "relay=evil[192.0.2.9]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, "
     "status=sent (250 \\\"ok\"@b.test relay=none delay=0 status=deferred "
     "text=no"},
    /* A sender that looks like our own mark; the mark comes last. */
    {POSTFIX "cleanup[1]: ABCDEF: milter-header-info: header X: v from x[1]; "
	     "from=<\": nmid=00000000-0000-0000-0000-000000000000\"@b> to=<c@d>"
	     " proto=ESMTP helo=<h>: nmid=" NMID,
     "NMID " AT_22_50_52 " postfix-MBX1/cleanup/1 ABCDEF nmid=" NMID},
    /* A line that was cut. */
    {POSTFIX "smtp[1]: ABCDEF: to=<a@b>, relay=none, delay=0, delays=0/0/0/0, "
	     "dsn=2.0.0, status=sent (250 2.0.0 Ok: queu",
     "SENT " AT_22_50_52 " postfix-MBX1/smtp/1 ABCDEF to=a@b relay=none "
     "delay=0 status=sent text=250 2.0.0 Ok: queu"},
    /* Other time stamps. */
    {"2026-11-21T22:50:52.123456+00:00 mbx1 postfix/qmgr[1]: ABCDEF: removed",
     "REMOVED 1795301452123 postfix/qmgr/1 ABCDEF"},
    {"2026-11-21T23:50:52.5+01:00 mbx1 postfix/qmgr[1]: ABCDEF: removed",
     "REMOVED 1795301452500 postfix/qmgr/1 ABCDEF"},
    {"Nov  1 00:00:00 mbx1 postfix/qmgr[1]: ABCDEF: removed",
     "REMOVED 1793491200000 postfix/qmgr/1 ABCDEF"},
    /* Nearest before now, but clocks may differ by a little. */
    {"Nov 22 12:00:00 mbx1 postfix/qmgr[1]: ABCDEF: removed",
     "REMOVED 1795348800000 postfix/qmgr/1 ABCDEF"},
    {"Dec 31 23:59:59 mbx1 postfix/qmgr[1]: ABCDEF: removed",
     "REMOVED 1767225599000 postfix/qmgr/1 ABCDEF"},
};

START_TEST(real_lines)
{
	set_zone("UTC0");
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *got = parse(lines[i].line);

		ck_assert_msg(strcmp(got, lines[i].expected) == 0,
			      "%s\nexpected %s\ngot      %s", lines[i].line,
			      lines[i].expected, got);
	}
}
END_TEST

static const char *const uninteresting[] = {
    "",
    "x",
    "Nov 21 22:50:09 mbx1 postfix-MBX1/smtpd[8549]: connect from unknown[1]",
    "Nov 21 22:50:09 mbx1 postfix-MBX1/smtpd[8549]: A5105A72013: client=u[1]",
    "Nov 21 22:50:09 mbx1 postfix-MBX1/smtpd[8549]: NOQUEUE: reject: RCPT "
    "from unknown[1]: 450 4.4.4 <r@retry.test>: no; from=<a> to=<b>",
    "Nov 21 22:50:52 mbx1 postfix-MBX1/ph-hub/smtp[8727]: connect to "
    "127.0.0.1[127.0.0.1]:12525: Connection refused",
    "Nov 21 22:50:53 mbx1 postfix-MBX1/postsuper[8739]: 1921EA721D2: expired",
    "Nov 21 22:50:52 mbx1 sshd[1]: ABCDEF: removed",
    "Nov 21 22:50:52 mbx1 postfix/smtpd[1]: ABCDEF: removed",
    "Nov 21 22:50:52 mbx1 postfix/qmgr: ABCDEF: removed",
    "Nov 21 22:50:52 mbx1 postfix/qmgr[1]: ABC: removed",
    "Nov 21 22:50:52 mbx1 postfix/qmgr[1]: warning: removed",
    "Nov 21 22:50:52 mbx1 postfix/qmgr[1]: ABC-DEF: removed",
    "Nov 21 22:50:52 mbx1 postfix/qmgr[1]: ABCDEF: from=<a@b>, size=1",
    "Nov 21 22:50:52 mbx1 postfix/qmgr[1]: ABCDEF: from=<\"a>, size=1, nrcpt=1 "
    "(queue active)",
    "Now 21 22:50:52 mbx1 postfix/qmgr[1]: ABCDEF: removed",
    "ovD 21 22:50:52 mbx1 postfix/qmgr[1]: ABCDEF: removed",
    "2026-11-21T25:50:52 mbx1 postfix/qmgr[1]: ABCDEF: removed",
    "Nov 21 22:50:52 mbx1 postfix/smtp[1]: ABCDEF: to=<a@b>, relay=none, "
    "delay=0, delays=0/0/0/0, dsn=2.0.0, status=deliverable (ok)",
    "Nov 21 22:50:52 mbx1 postfix/cleanup[1]: ABCDEF: milter-header-info: "
    "header X: y from x[1]: nmid=a1b2c3d4-1e63-493a-80a2-08da9a",
};

START_TEST(other_lines)
{
	set_zone("UTC0");
	for (size_t i = 0; i < G_N_ELEMENTS(uninteresting); i++) {
		g_autofree char *got = parse(uninteresting[i]);

		ck_assert_msg(strcmp(got, "none") == 0, "%s: %s",
			      uninteresting[i], got);
	}
}
END_TEST

/* A line without all that stands before its text is none, one with less text
 * is none or of the same kind, and nothing is read past the end. */
START_TEST(cut_everywhere)
{
	set_zone("UTC0");
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		const char *id = strstr(lines[i].line, "]: ") + 3;
		size_t head = (size_t)(strstr(id, ": ") + 2 - lines[i].line);
		size_t kind = strcspn(lines[i].expected, " ");

		for (size_t n = 0; n < strlen(lines[i].line); n++) {
			g_autofree char *cut = g_strndup(lines[i].line, n);
			g_autofree char *got = parse(cut);

			ck_assert_msg(
			    strcmp(got, "none") == 0 ||
				(n > head &&
				 strncmp(got, lines[i].expected, kind) == 0),
			    "%s: %s", cut, got);
		}
	}
}
END_TEST

START_TEST(local_time)
{
	g_autofree char *got = NULL;

	set_zone("EST5EDT,M3.2.0,M11.1.0");
	got = parse("Jul  4 12:00:00 h postfix/qmgr[1]: ABCDEF: removed");
	ck_assert_str_eq(got, "REMOVED 1783180800000 postfix/qmgr/1 ABCDEF");
}
END_TEST

START_TEST(relays)
{
	static const struct {
		const char *relay, *host, *address;
	} table[] = {
	    {"none", "", ""},
	    {"", "", ""},
	    {"local", "local", ""},
	    {"mx.b.test[2001:db8::1]:25", "mx.b.test", "2001:db8::1"},
	    {"h[posthub/fork.sock]", "h", "posthub/fork.sock"},
	    {"h[broken", "h[broken", ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *host = NULL, *address = NULL;

		ph_maillog_relay(table[i].relay, &host, &address);
		ck_assert_str_eq(host, table[i].host);
		ck_assert_str_eq(address, table[i].address);
	}
}
END_TEST

UNIT_MAIN("tracking/maillog", real_lines, other_lines, cut_everywhere,
	  local_time, relays)
