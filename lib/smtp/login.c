#include "lib/smtp/login.h"

#include "lib/base/credential.h"

#include <string.h>
#include <strings.h>

/* One step; 0 when it was answered with this code. */
static int
say(struct ph_smtp *smtp, const char *line, int code, struct ph_err *err)
{
	g_autofree char *text = NULL;
	struct ph_smtp_reply reply;
	bool good;

	if (ph_smtp_command(smtp, line, &reply, err) < 0)
		return -1;
	good = reply.code == code;
	text = ph_smtp_reply_format(&reply);
	ph_smtp_reply_clear(&reply);
	return good ? 0
		    : ph_err_set(err, PH_ERR_TEMP, "login refused: %s", text);
}

/* Takes what is encoded. */
static int
say_encoded(struct ph_smtp *smtp, const char *before, char *encoded, int code,
	    struct ph_err *err)
{
	char *line = g_strconcat(before, encoded, NULL);
	int r = say(smtp, line, code, err);

	ph_secret_free(&line);
	ph_secret_free(&encoded);
	return r;
}

static char *
encode(const char *text)
{
	return g_base64_encode((const guchar *)text, strlen(text));
}

static int
run_plain(struct ph_smtp *smtp, const char *user, const char *password,
	  struct ph_err *err)
{
	return say_encoded(smtp, "AUTH PLAIN ",
			   ph_secret_plain("", user, password), 235, err);
}

static int
run_login(struct ph_smtp *smtp, const char *user, const char *password,
	  struct ph_err *err)
{
	if (say(smtp, "AUTH LOGIN", 334, err) < 0 ||
	    say_encoded(smtp, "", encode(user), 334, err) < 0)
		return -1;
	return say_encoded(smtp, "", encode(password), 235, err);
}

static const struct {
	const char *mechanism;
	int (*run)(struct ph_smtp *smtp, const char *user, const char *password,
		   struct ph_err *err);
} rows[] = {
    {"PLAIN", run_plain},
    {"LOGIN", run_login},
};

static bool
offers(const struct ph_smtp *smtp, const char *mechanism)
{
	g_auto(GStrv) list =
	    g_strsplit(ph_smtp_parameters(smtp, "AUTH"), " ", -1);

	for (char **one = list; *one != NULL; one++)
		if (strcasecmp(*one, mechanism) == 0)
			return true;
	return false;
}

int
ph_smtp_login(struct ph_smtp *smtp, const char *credential, struct ph_err *err)
{
	const char *colon = strchr(credential, ':');
	char *user = g_strndup(credential, (gsize)(colon - credential));
	int r = -1;
	size_t i = 0;

	while (i < G_N_ELEMENTS(rows) && !offers(smtp, rows[i].mechanism))
		i++;
	if (i < G_N_ELEMENTS(rows))
		r = rows[i].run(smtp, user, colon + 1, err);
	else
		(void)ph_err_set(err, PH_ERR_TEMP,
				 "a login is wanted, and neither PLAIN nor "
				 "LOGIN is offered");
	ph_secret_free(&user);
	return r;
}
