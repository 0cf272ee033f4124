#include "tracking/maillog.h"

#include "lib/base/uuid.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Cuts *p at the first separator and moves *p behind it; NULL: there is none.
 */
static char *
take_until(char **p, const char *separator)
{
	char *start = *p, *end = strstr(start, separator);

	if (!end)
		return NULL;
	*end = '\0';
	*p = end + strlen(separator);
	return start;
}

/*
 * An address up to ">, ". A sender chooses the local part and may quote there
 * what looks like the rest of the line.
 */
static char *
take_address(char **p)
{
	char *start = *p;
	bool quoted = false;

	for (char *s = start; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(s, ">, ", 3) == 0) {
			*s = '\0';
			*p = s + 3;
			return start;
		}
	}
	return NULL;
}

static bool
skip_prefix(char **p, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*p, prefix, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool
parse_message_id(char *text, struct ph_maillog *m)
{
	m->message_id = text;
	return *text != '\0';
}

/* "header NAME: VALUE from ...; from=<...> ...: nmid=UUID". Addresses and the
 * HELO name are the client's, our text is the last. */
static bool
parse_nmid(char *text, struct ph_maillog *m)
{
	char *found = g_strrstr(text, ": nmid=");

	if (!found || !ph_uuid_valid(found + strlen(": nmid=")))
		return false;
	m->nmid = found + strlen(": nmid=");
	return true;
}

/* "SENDER>, size=372, nrcpt=1 (queue active)" or
 * "SENDER>, status=expired, returned to sender". */
static bool
parse_qmgr(char *text, struct ph_maillog *m)
{
	m->sender = take_address(&text);
	if (!m->sender)
		return false;
	if (skip_prefix(&text, "size=")) {
		m->kind = PH_MAILLOG_ACTIVE;
		m->size = take_until(&text, ", ");
		return m->size && strstr(text, "(queue active)");
	}
	if (!skip_prefix(&text, "status="))
		return false;
	m->kind = PH_MAILLOG_EXPIRED;
	m->status = take_until(&text, ", ");
	return m->status && g_str_has_suffix(m->status, "expired");
}

static bool
parse_nothing(char *text, struct ph_maillog *m)
{
	(void)text;
	(void)m;
	return true;
}

static bool
parse_dsn(char *text, struct ph_maillog *m)
{
	m->status = take_until(&text, " notification: ");
	m->other_id = text;
	return m->status && *text != '\0';
}

static const struct {
	const char *word;
	enum ph_maillog_kind kind;
} statuses[] = {
    {"sent", PH_MAILLOG_SENT},		 {"deferred", PH_MAILLOG_DEFERRED},
    {"SOFTBOUNCE", PH_MAILLOG_DEFERRED}, {"bounced", PH_MAILLOG_BOUNCED},
    {"expired", PH_MAILLOG_BOUNCED},
};

/* "sent (250 2.0.0 Ok)"; a syslog daemon may have cut the end. */
static bool
parse_status(char *text, struct ph_maillog *m)
{
	char *end;

	m->status = take_until(&text, " (");
	if (!m->status)
		return false;
	end = strrchr(text, ')');
	if (end && end[1] == '\0')
		*end = '\0';
	m->text = text;
	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
		if (strcmp(m->status, statuses[i].word) == 0) {
			m->kind = statuses[i].kind;
			return true;
		}
	return false;
}

/* "0.01/0.01/0/1.5": before the queue, in it, connecting, transmission. */
static int64_t
last_delay(const char *delays)
{
	const char *last = strrchr(delays, '/');
	double seconds = last ? g_ascii_strtod(last + 1, NULL) : 0;

	return seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1000) : 0;
}

/* "RCPT>, [orig_to=<RCPT>, ]relay=R, [conn_use=N, ]delay=D, delays=D/D/D/D,
 * dsn=X, status=WORD (TEXT)"; later versions may add more of these. */
static bool
parse_delivery(char *text, struct ph_maillog *m)
{
	m->recipient = take_address(&text);
	if (!m->recipient)
		return false;
	if (skip_prefix(&text, "orig_to=<")) {
		m->orig_recipient = take_address(&text);
		if (!m->orig_recipient)
			return false;
	}
	while (!skip_prefix(&text, "status=")) {
		char *value = take_until(&text, ", ");
		char *name = value;

		if (!value || !take_until(&value, "="))
			return false;
		if (strcmp(name, "relay") == 0)
			m->relay = value;
		else if (strcmp(name, "delay") == 0)
			m->delay = value;
		else if (strcmp(name, "delays") == 0)
			m->transmission = last_delay(value);
	}
	return parse_status(text, m);
}

/* The lines that we know; the first that fits is it. */
static const struct {
	const char *daemon; /* NULL: any */
	const char *start;  /* of the text after the queue id */
	enum ph_maillog_kind kind;
	bool (*parse)(char *text, struct ph_maillog *m);
} kinds[] = {
    {"cleanup", "message-id=", PH_MAILLOG_MESSAGE_ID, parse_message_id},
    {"cleanup", "milter-header-info: ", PH_MAILLOG_NMID, parse_nmid},
    {"cleanup", "info: header ", PH_MAILLOG_NMID, parse_nmid},
    {"cleanup", "hold: ", PH_MAILLOG_HELD, parse_nothing},
    {"cleanup", "milter-hold: ", PH_MAILLOG_HELD, parse_nothing},
    {"smtpd", "hold: ", PH_MAILLOG_HELD, parse_nothing},
    {"qmgr", "from=<", PH_MAILLOG_ACTIVE, parse_qmgr},
    {"qmgr", "removed", PH_MAILLOG_REMOVED, parse_nothing},
    {"bounce", "sender ", PH_MAILLOG_DSN, parse_dsn},
    {"bounce", "postmaster ", PH_MAILLOG_DSN, parse_dsn},
    {NULL, "to=<", PH_MAILLOG_SENT, parse_delivery},
};

/* "Nov  1 10:00:00 ": the year is the one that puts it nearest before now. */
static bool
parse_traditional(char **p, int64_t now_ms, int64_t *time_r)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(now_ms / 1000), when;
	char *text = *p;
	struct tm tm = {0}, here;
	g_autofree char *month = g_strndup(text, 3);
	const char *found = strstr(months, month);
	int n = 0;

	if (strlen(month) < 3 || !found || (found - months) % 3 != 0 ||
	    sscanf(text + 3, "%2d %2d:%2d:%2d %n", &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &n) != 4 ||
	    n == 0)
		return false;
	localtime_r(&now, &here);
	tm.tm_mon = (int)((found - months) / 3);
	tm.tm_year = here.tm_year + 1;
	do {
		struct tm copy = tm;

		copy.tm_isdst = -1;
		when = mktime(&copy);
	} while (when > now + 86400 && tm.tm_year-- >= here.tm_year);
	*time_r = when * INT64_C(1000);
	*p = text + 3 + n;
	return true;
}

static bool
parse_time(char **p, int64_t now_ms, int64_t *time_r)
{
	g_autoptr(GDateTime) when = NULL;
	char *stamp;

	if (!g_ascii_isdigit(**p))
		return parse_traditional(p, now_ms, time_r);
	stamp = take_until(p, " ");
	if (!stamp)
		return false;
	when = g_date_time_new_from_iso8601(stamp, NULL);
	if (!when)
		return false;
	*time_r = g_date_time_to_unix(when) * INT64_C(1000) +
		  g_date_time_get_microsecond(when) / 1000;
	return true;
}

/* "postfix-MBX1/ph-hub/smtp[123]" */
static bool
parse_program(char *program, struct ph_maillog *m)
{
	char *pid = program, *daemon, *service;

	program = take_until(&pid, "[");
	if (!program || !g_str_has_suffix(pid, "]"))
		return false;
	pid[strlen(pid) - 1] = '\0';
	daemon = strrchr(program, '/');
	if (!daemon)
		return false;
	*daemon++ = '\0';
	service = strrchr(program, '/');
	m->pid = pid;
	m->daemon = daemon;
	m->service = service ? service + 1 : program;
	return true;
}

static bool
is_queue_id(const char *text)
{
	size_t n = strlen(text);

	/* Five characters of microseconds and an inode, or the long form. */
	if (n < 6 || n > 32)
		return false;
	/* Neither form has these: "warning", "connect" are no queue ids. */
	if (strpbrk(text, "aeiou"))
		return false;
	for (; *text != '\0'; text++)
		if (!g_ascii_isalnum(*text))
			return false;
	return true;
}

int
ph_maillog_parse(char *line, int64_t now_ms, struct ph_maillog *parsed_r)
{
	struct ph_maillog m = {
	    .message_id = "",
	    .nmid = "",
	    .sender = "",
	    .size = "",
	    .recipient = "",
	    .orig_recipient = "",
	    .relay = "",
	    .delay = "",
	    .status = "",
	    .text = "",
	    .other_id = "",
	};
	char *program, *queue_id;

	if (!parse_time(&line, now_ms, &m.time) || !take_until(&line, " "))
		return 0;
	program = take_until(&line, ": ");
	queue_id = program ? take_until(&line, ": ") : NULL;
	if (!queue_id || !is_queue_id(queue_id) || !parse_program(program, &m))
		return 0;
	m.queue_id = queue_id;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if ((kinds[i].daemon &&
		     strcmp(kinds[i].daemon, m.daemon) != 0) ||
		    !skip_prefix(&line, kinds[i].start))
			continue;
		m.kind = kinds[i].kind;
		if (!kinds[i].parse(line, &m))
			return 0;
		*parsed_r = m;
		return 1;
	}
	return 0;
}

void
ph_maillog_relay(const char *relay, char **host_r, char **address_r)
{
	const char *open = strchr(relay, '[');
	const char *close = open ? strchr(open, ']') : NULL;

	*host_r = close ? g_strndup(relay, (gsize)(open - relay))
		  : strcmp(relay, "none") == 0 ? g_strdup("")
					       : g_strdup(relay);
	*address_r = close ? g_strndup(open + 1, (gsize)(close - open - 1))
			   : g_strdup("");
}
