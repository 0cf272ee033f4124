#include "milters/frontend/frontend.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/message/nmid.h"

#include <string.h>
#include <strings.h>

/* Names come from the client or its DNS: what is more than a name would be a
 * comment, a clause or a field of its own. */
#define NAME_LIMIT 255

static void
append_safe(GString *out, const char *text)
{
	for (size_t i = 0; i < NAME_LIMIT && text[i] != '\0'; i++)
		g_string_append_c(out, g_ascii_isalnum(text[i]) ||
					       strchr("-._:[]", text[i])
					   ? text[i]
					   : '?');
}

/* RFC 5321 section 4.4, RFC 3848. The milter protocol does not tell HELO from
 * EHLO. */
static const char *
protocol(const struct ph_mail *mail)
{
	static const char *const names[2][2] = {{"ESMTP", "ESMTPA"},
						{"ESMTPS", "ESMTPSA"}};

	return names[*mail->tls != '\0'][*mail->login != '\0'];
}

void
ph_frontend_received(const struct ph_frontend *frontend,
		     const struct ph_mail *mail, GString *out)
{
	const struct ph_client *client = mail->client;
	char date[PH_MAIL_DATE];

	ph_format_mail_date(ph_clock_wall(), date, sizeof(date));
	g_string_append(out, "Received: from ");
	append_safe(out, *client->helo != '\0' ? client->helo : "unknown");
	g_string_append(out, " (");
	append_safe(out, *client->name != '\0' ? client->name : "unknown");
	g_string_append(out, " [");
	append_safe(out, *client->address != '\0' ? client->address : "local");
	g_string_append(out, "])\r\n\tby ");
	append_safe(out, ph_frontend_fqdn(frontend, mail));
	g_string_append_printf(out, " with %s", protocol(mail));
	if (*mail->queue_id != '\0') {
		g_string_append(out, " id ");
		append_safe(out, mail->queue_id);
	}
	g_string_append_printf(out, " via Frontend Transport;\r\n\t%s\r\n",
			       date);
}

/* ---- who the client is --------------------------------------------------- */

static const char *
auth_as(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	(void)frontend;
	return ph_auth_as_name(*mail->login != '\0' ? PH_AUTH_INTERNAL
						    : PH_AUTH_ANONYMOUS);
}

static const char *
auth_mechanism(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	(void)frontend;
	return *mail->login != '\0' ? mail->mechanism : "";
}

static const char *
client_address(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	(void)frontend;
	return mail->client->address;
}

static const char *
server_address(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	(void)frontend;
	return mail->client->server_address;
}

/* An empty value: no field. */
static const struct {
	const char *name;
	const char *(*value)(const struct ph_frontend *frontend,
			     const struct ph_mail *mail);
} origins[] = {
    {PH_HEADER_AUTH_AS, auth_as},
    {PH_HEADER_AUTH_SOURCE, ph_frontend_fqdn},
    {PH_HEADER_AUTH_MECHANISM, auth_mechanism},
    {PH_HEADER_CLIENT_IP, client_address},
    {PH_HEADER_SERVER_IP, server_address},
};

unsigned
ph_frontend_field(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(origins); i++)
		if (strcasecmp(origins[i].name, name) == 0)
			return 1U << i;
	return 0;
}

void
ph_frontend_origin(const struct ph_frontend *frontend,
		   const struct ph_mail *mail, unsigned present, GString *out)
{
	for (size_t i = 0; i < G_N_ELEMENTS(origins); i++) {
		const char *value = origins[i].value(frontend, mail);

		if ((present & 1U << i) != 0 || *value == '\0')
			continue;
		g_string_append_printf(out, "%s: ", origins[i].name);
		append_safe(out, value);
		g_string_append(out, "\r\n");
	}
}

/*
 * A lone CR would be a line end to somebody further on, and a line that does
 * not begin with a blank would be a field of its own: both would let a client
 * say something in our name.
 */
void
ph_frontend_append(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, "%s:", name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\r')
			continue;
		if (*p != '\n') {
			g_string_append_c(out, *p);
			continue;
		}
		g_string_append(out, "\r\n");
		if (p[1] != ' ' && p[1] != '\t')
			g_string_append_c(out, '\t');
	}
	g_string_append(out, "\r\n");
}
