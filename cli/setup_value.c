#include "cli/setup.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* What a receive connector's fields are as parameters of smtpd(8). */

/* What a parameter is to be; NULL: the field is not set, or does not ask for
 * it; or it cannot be said, err says why. g_free. */
typedef char *value_of(const struct ph_setup *setup,
		       const struct ph_object *connector, const char *field,
		       struct ph_err *err);

/* '$' begins a parameter's name. */
static char *
literal(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text != '\0'; text++) {
		if (*text == '$')
			g_string_append_c(out, '$');
		g_string_append_c(out, *text);
	}
	return g_string_free(out, FALSE);
}

static char *
value_text(const struct ph_setup *setup, const struct ph_object *connector,
	   const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return literal(ph_object_text(connector, field));
}

static char *
value_banner(const struct ph_setup *setup, const struct ph_object *connector,
	     const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return literal(ph_object_text(connector, field) + strlen("220 "));
}

static char *
value_certificate(const struct ph_setup *setup,
		  const struct ph_object *connector, const char *field,
		  struct ph_err *err)
{
	char *path = NULL;

	(void)ph_certificate_find(setup->certificates,
				  ph_object_text(connector, field), &path, err);
	return path;
}

static char *
value_seconds(const struct ph_setup *setup, const struct ph_object *connector,
	      const char *field, struct ph_err *err)
{
	int64_t ms = ph_object_int(connector, field);

	(void)setup;
	(void)err;
	return g_strdup_printf("%" PRId64 "s", MAX(ms / 1000, 1));
}

/* Postfix's 0 is Exchange's unlimited. */
static char *
value_limit(const struct ph_setup *setup, const struct ph_object *connector,
	    const char *field, struct ph_err *err)
{
	int64_t n = ph_object_int(connector, field);

	(void)setup;
	(void)err;
	return g_strdup_printf("%" PRId64, n == INT64_MAX ? 0 : n);
}

/* Postfix knows no unlimited, and no 0. */
static char *
value_number(const struct ph_setup *setup, const struct ph_object *connector,
	     const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return g_strdup_printf(
	    "%" PRId64, CLAMP(ph_object_int(connector, field), 1, INT_MAX));
}

static bool
has_word(const struct ph_object *connector, const char *field, const char *word)
{
	const char *const *list = ph_object_list(connector, field);

	return g_strv_contains(list, word);
}

static char *
value_tls(const struct ph_setup *setup, const struct ph_object *connector,
	  const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return g_strdup(
	    has_word(connector, field, "Tls") ||
		    has_word(connector, field, "BasicAuthRequireTLS") ||
		    has_word(connector, field, "ExchangeServer")
		? "may"
		: "none");
}

static char *
value_login(const struct ph_setup *setup, const struct ph_object *connector,
	    const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return g_strdup(
	    has_word(connector, field, "BasicAuth") ||
		    has_word(connector, field, "BasicAuthRequireTLS") ||
		    has_word(connector, field, "Integrated")
		? "yes"
		: "no");
}

static char *
value_login_tls(const struct ph_setup *setup, const struct ph_object *connector,
		const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return has_word(connector, field, "BasicAuthRequireTLS")
		   ? g_strdup("yes")
		   : NULL;
}

/* SIZE without a value is offered by an smtpd that has no limit; cleanup(8)
 * still has that of main.cf. */
static char *
value_size(const struct ph_setup *setup, const struct ph_object *connector,
	   const char *field, struct ph_err *err)
{
	(void)setup;
	(void)err;
	return strcmp(ph_object_text(connector, field),
		      "EnabledWithoutValue") == 0
		   ? g_strdup("0")
		   : NULL;
}

static const struct {
	const char *field, *parameter;
	value_of *value;
} rows[] = {
    {"Banner", "smtpd_banner", value_banner},
    {"Fqdn", "myhostname", value_text},
    {"TlsCertificateName", "smtpd_tls_chain_files", value_certificate},
    {"AuthMechanism", "smtpd_tls_security_level", value_tls},
    {"AuthMechanism", "smtpd_sasl_auth_enable", value_login},
    {"AuthMechanism", "smtpd_tls_auth_only", value_login_tls},
    {"ConnectionInactivityTimeout", "smtpd_timeout", value_seconds},
    {"MaxInboundConnectionPerSource", "smtpd_client_connection_count_limit",
     value_limit},
    {"MaxProtocolErrors", "smtpd_hard_error_limit", value_number},
    {"SizeEnabled", "message_size_limit", value_size},
    /* Not a parameter, but a column. */
    {"MaxInboundConnection", "maxproc", value_limit},
    /* Of cleanup(8), which the listener then has for itself. */
    {"MaxHeaderSize", "header_size_limit", value_number},
    {"MaxHopCount", "hopcount_limit", value_number},
};

static const struct {
	const char *field, *off, *keyword;
} extensions[] = {
    {"SizeEnabled", "Disabled", "size"},
    {"ChunkingEnabled", "false", "chunking"},
    {"DeliveryStatusNotificationEnabled", "false", "dsn"},
    {"EightBitMimeEnabled", "false", "8bitmime"},
    {"EnhancedStatusCodesEnabled", "false", "enhancedstatuscodes"},
    {"PipeliningEnabled", "false", "pipelining"},
};

static bool
is_off(const struct ph_object *connector, size_t i)
{
	const char *field = extensions[i].field;
	const char *text = ph_object_text(connector, field);

	if (text == NULL)
		return false;
	return strcmp(extensions[i].off, "false") == 0
		   ? !ph_object_bool(connector, field)
		   : strcmp(text, extensions[i].off) == 0;
}

/* What is not to be offered; NULL: nothing is said. */
static char *
keywords(const struct ph_object *connector)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++)
		if (is_off(connector, i))
			g_string_append_printf(out, "%s%s",
					       out->len > 0 ? "," : "",
					       extensions[i].keyword);
	return g_string_free(out, out->len == 0);
}

static void
clear_value(gpointer data)
{
	struct ph_setup_value *one = data;

	g_free(one->value);
}

static void
add(GArray *values, const char *parameter, char *value)
{
	const struct ph_setup_value one = {parameter, value};

	if (value != NULL)
		g_array_append_val(values, one);
}

int
ph_setup_values(const struct ph_setup *setup, const struct ph_object *connector,
		GArray **values_r, struct ph_err *err)
{
	GArray *values =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_setup_value));

	*values_r = values;
	g_array_set_clear_func(values, clear_value);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err why = PH_ERR_INIT;
		char *value;

		if (!ph_object_has(connector, rows[i].field))
			continue;
		value = rows[i].value(setup, connector, rows[i].field, &why);
		if (why.kind != PH_ERR_NONE)
			return ph_err_set(
			    err, why.kind, "receive connector %s: %s: %s",
			    ph_object_name(connector), rows[i].field, why.text);
		add(values, rows[i].parameter, value);
	}
	add(values, "smtpd_discard_ehlo_keywords", keywords(connector));
	return 0;
}
