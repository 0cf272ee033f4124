#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/directory/send_as.h"
#include "lib/directory/texts.h"

#include <string.h>

#define AGENT "Send As"

/* Once in the organisation: where the client has logged in, or where a front
 * end that it logged in at has passed the message on. */
static char *
find_login(const struct ph_mail *mail)
{
	return *mail->login != '\0' || (mail->trusted && !mail->resolved)
		   ? ph_transport_login(mail)
		   : NULL;
}

/* NULL: there is no such field. */
static GPtrArray *
addresses_of(const struct ph_mail *mail, const char *field)
{
	GPtrArray *addresses;

	if (ph_headers_raw(mail->headers, field, 0) == NULL)
		return NULL;
	addresses = g_ptr_array_new_with_free_func(g_free);
	ph_headers_addresses(mail->headers, field, addresses);
	return addresses;
}

static int
defer(struct ph_mail *mail, const struct ph_err *why)
{
	ph_log(PH_LOG_WARN, mail->queue_id, "%s", why->text);
	return ph_verdict_defer(&mail->verdict, AGENT, "4.4.3",
				"Directory is not available, please try again "
				"later");
}

static int
check(struct ph_mail *mail, const struct ph_send_as *who, const char *login)
{
	g_autoptr(GPtrArray) from = addresses_of(mail, "From");
	g_autoptr(GPtrArray) sender = addresses_of(mail, "Sender");
	struct ph_err err = PH_ERR_INIT;
	struct ph_send_as_no no;
	int r = ph_send_as_check(who, from, sender, &no, &err);

	if (r < 0)
		return defer(mail, &err);
	if (r == 1)
		return 0;
	ph_log(PH_LOG_INFO, mail->queue_id, "%s: %s may not be <%s>", login,
	       no.field, no.address != NULL ? no.address : "");
	return ph_verdict_reject(&mail->verdict, AGENT, PH_SEND_AS_CODE,
				 PH_SEND_AS_TEXT);
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_transport *transport = app;
	g_autofree char *login = NULL;
	struct ph_send_as who;
	int r;

	if (!transport->resolve || !transport->check_from)
		return 0;
	login = find_login(mail);
	if (login == NULL)
		return 0;
	if (ph_send_as_login(mail->directory, mail->snapshot, login, &who,
			     err) < 0)
		return defer(mail, err);
	r = check(mail, &who, login);
	ph_send_as_clear(&who);
	return r;
}

const struct ph_agent ph_send_as_agent = {
    .name = AGENT,
    .on_message = on_message,
};
