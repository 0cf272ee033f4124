#include "milters/transport/scan.h"

#include "lib/base/log.h"
#include "lib/scan/rspamd.h"
#include "lib/state/value.h"

#include <nettle/sha2.h>
#include <string.h>

#define SEEN_LIMIT 10000

static int
read_endpoint(const struct ph_conf *conf, const char *section, const char *name,
	      bool *on_r, struct ph_endpoint *endpoint_r, struct ph_err *err)
{
	const char *text = ph_conf_text(conf, section, name);

	*on_r = *text != '\0';
	return *on_r ? ph_parse_endpoint(text, endpoint_r, err) : 0;
}

int
ph_scan_configure(const struct ph_conf *conf, struct ph_scan_conf *scan_r,
		  struct ph_err *err)
{
	const char *mailbox =
	    ph_conf_text(conf, "transport", "quarantine_mailbox");
	struct ph_err why = PH_ERR_INIT;

	*scan_r = (struct ph_scan_conf){0};
	ph_rspamd_prepare();
	if (read_endpoint(conf, "malware", "clamd", &scan_r->malware.on,
			  &scan_r->malware.clamd, err) < 0 ||
	    read_endpoint(conf, "spam", "rspamd", &scan_r->spam.on,
			  &scan_r->spam.rspamd, err) < 0)
		return -1;
	if (ph_scl_parse(ph_conf_text(conf, "spam", "scl"), &scan_r->spam.scl,
			 &why) < 0)
		return ph_err_set(err, PH_ERR_PERM, "[spam] scl: %s", why.text);
	scan_r->malware.action = ph_conf_word(conf, "malware", "action");
	if (*mailbox != '\0' && !ph_value_is_address(mailbox))
		return ph_err_set(err, PH_ERR_PERM,
				  "[transport] quarantine_mailbox: \"%s\" is "
				  "not an address; expected local@domain",
				  mailbox);
	if (scan_r->malware.action == PH_MALWARE_QUARANTINE && *mailbox == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[malware] action = quarantine needs "
				  "[transport] quarantine_mailbox");
	scan_r->malware.on_error = ph_conf_word(conf, "malware", "on_error");
	scan_r->malware.timeout = ph_conf_int(conf, "malware", "timeout");
	if (ph_conf_int(conf, "malware", "remember") > 0)
		scan_r->malware.seen = ph_verdicts_new(
		    SEEN_LIMIT, ph_conf_int(conf, "malware", "remember"));
	scan_r->spam.on_error = ph_conf_word(conf, "spam", "on_error");
	scan_r->spam.timeout = ph_conf_int(conf, "spam", "timeout");
	return 0;
}

void
ph_scan_clear(struct ph_scan_conf *scan)
{
	ph_verdicts_free(&scan->malware.seen);
}

bool
ph_scan_needs_body(const struct ph_scan_conf *scan)
{
	return scan->malware.on || scan->spam.on;
}

bool
ph_scan_is_done(const struct ph_mail *mail)
{
	return mail->resolved || mail->members;
}

/* ---- the message -------------------------------------------------------- */

/* Lines of a value end with LF. */
static void
append_field(GString *head, const struct ph_header *field)
{
	g_string_append(head, field->name);
	g_string_append(head, ": ");
	for (const char *p = field->value; *p != '\0'; p++) {
		if (*p == '\n' && (p == field->value || p[-1] != '\r'))
			g_string_append_c(head, '\r');
		g_string_append_c(head, *p);
	}
	g_string_append(head, "\r\n");
}

void
ph_scan_message_init(struct ph_scan_message *message,
		     const struct ph_mail *mail)
{
	message->head = g_string_new(NULL);
	for (size_t i = 0; i < ph_headers_count(mail->headers); i++)
		append_field(message->head, ph_headers_at(mail->headers, i));
	g_string_append(message->head, "\r\n");
	message->pieces[0] =
	    (struct ph_scan_piece){message->head->str, message->head->len};
	message->pieces[1] =
	    mail->body != NULL
		? (struct ph_scan_piece){mail->body->data, mail->body->len}
		: (struct ph_scan_piece){"", 0};
}

void
ph_scan_message_clear(struct ph_scan_message *message)
{
	g_string_free(message->head, TRUE);
	message->head = NULL;
}

static bool
says_how_to_read(const char *name)
{
	return g_ascii_strncasecmp(name, "Content-", strlen("Content-")) == 0 ||
	       g_ascii_strcasecmp(name, "MIME-Version") == 0;
}

void
ph_scan_key(const struct ph_mail *mail, uint8_t key_r[PH_VERDICT_KEY])
{
	struct sha256_ctx sum;

	sha256_init(&sum);
	for (size_t i = 0; i < ph_headers_count(mail->headers); i++) {
		const struct ph_header *field = ph_headers_at(mail->headers, i);

		if (!says_how_to_read(field->name))
			continue;
		/* With their NULs, so that no two sets look alike. */
		sha256_update(&sum, strlen(field->name) + 1,
			      (const uint8_t *)field->name);
		sha256_update(&sum, strlen(field->value) + 1,
			      (const uint8_t *)field->value);
	}
	/* No field has an empty name: here the body begins, which may have
	 * NULs. */
	sha256_update(&sum, 1, (const uint8_t *)"");
	if (mail->body != NULL)
		sha256_update(&sum, mail->body->len, mail->body->data);
	sha256_digest(&sum, PH_VERDICT_KEY, key_r);
}

/* ---- trouble ------------------------------------------------------------ */

int
ph_scan_trouble(struct ph_mail *mail, const char *agent, size_t on_error,
		const struct ph_err *why)
{
	ph_log(PH_LOG_WARN, mail->queue_id, "%s: %s", agent, why->text);
	if (on_error == PH_SCAN_SKIP)
		return 0;
	if (why->kind == PH_ERR_PERM)
		return ph_verdict_answer(&mail->verdict, agent, 552, "5.3.4",
					 "Message is too large to be scanned");
	return ph_verdict_defer(&mail->verdict, agent, "4.7.1",
				"The message cannot be scanned now, please try "
				"again later");
}
