#include "lib/fork/service_private.h"

#include "lib/base/log.h"

#include <string.h>
#include <strings.h>

enum {
	/* Inside lmtp_data_done_timeout, 600 s. */
	CONNECT_MS = 10 * 1000,
	TIMEOUT_MS = 60 * 1000,
	ENVELOPE_MS = 200 * 1000,
	FINAL_MS = 250 * 1000,
};

/* ---- the service ------------------------------------------------------- */

static int64_t
usual_ms(int64_t ms, int64_t usual)
{
	return ms > 0 ? ms : usual;
}

struct ph_fork_service *
ph_fork_service_new(const struct ph_fork_options *options)
{
	struct ph_fork_service *service = g_new0(struct ph_fork_service, 1);

	service->plans = options->plans;
	service->directory = g_strdup(options->directory);
	service->server = g_strdup(options->server);
	service->address = g_strdup(options->address);
	service->track = options->track;
	service->fqdn = options->fqdn;
	service->may_report = options->may_report;
	service->context = options->context;
	service->lifetime = options->lifetime;
	service->memory = options->memory;
	service->agent = options->agent;
	service->submit = (struct ph_submit_options){
	    .endpoint = options->inject,
	    .connect_timeout = usual_ms(options->connect_timeout, CONNECT_MS),
	    .timeout = usual_ms(options->timeout, TIMEOUT_MS),
	    .envelope_timeout =
		usual_ms(options->envelope_timeout, ENVELOPE_MS),
	    .final_timeout = usual_ms(options->final_timeout, FINAL_MS),
	};
	service->copies = service->submit;
	if (*options->copies.host != '\0')
		service->copies.endpoint = options->copies;
	g_mutex_init(&service->mutex);
	service->busy =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return service;
}

void
ph_fork_service_free(struct ph_fork_service **service)
{
	struct ph_fork_service *p = *service;

	if (p == NULL)
		return;
	*service = NULL;
	g_hash_table_unref(p->busy);
	g_mutex_clear(&p->mutex);
	g_free(p->directory);
	g_free(p->server);
	g_free(p->address);
	g_free(p);
}

void
ph_fork_tidy(struct ph_fork_service *service)
{
	size_t n = ph_plans_tidy(service->plans, service->lifetime);

	if (n > 0)
		ph_debug("%zu old plans removed", n);
}

/* ---- tokens -------------------------------------------------------------- */

/* The local part of an address of ours, g_free; of another what can be no
 * token. */
static char *
take_token(const char *address)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || strcasecmp(at + 1, PH_FORK_DOMAIN) != 0)
		return g_strdup_printf("<%s>", address);
	return g_strndup(address, (gsize)(at - address));
}

/*
 * NULL and the plan; else the answer. Without its plan a message waits, and is
 * reported: a 5xx would throw it away, since nobody hears of what becomes of a
 * token.
 */
static const char *
find_plan(const struct ph_fork_service *service, const char *token,
	  struct ph_plan **plan_r, size_t *group_r)
{
	struct ph_err err = PH_ERR_INIT;
	int rc = ph_plans_read(service->plans, token, plan_r, group_r, &err);

	if (rc > 0)
		return NULL;
	ph_warn("fork: \"%.100s\": %s", token,
		rc < 0 ? err.text : "there is no such plan");
	return rc < 0 ? "451 4.3.0 The plan of this message cannot be read"
		      : "451 4.3.0 The plan of this message is missing";
}

/* The plan is read again when its turn comes: one at a time is in memory. */
static char *
on_rcpt(void *context, const char *address)
{
	g_autofree char *token = take_token(address);
	struct ph_plan *plan = NULL;
	size_t group;
	const char *missing = find_plan(context, token, &plan, &group);

	ph_plan_free(&plan);
	return g_strdup(missing);
}

static char *
carry_out(void *context, const struct ph_fork_content *content,
	  const struct ph_fork_recipient *recipient)
{
	g_autofree char *token = take_token(recipient->address);
	struct ph_plan *plan = NULL;
	size_t group = 0;
	const char *missing = find_plan(context, token, &plan, &group);
	char *answer;

	if (missing != NULL)
		return g_strdup(missing);
	answer = ph_fork_carry_out(context, content, token, plan, group);
	ph_plan_free(&plan);
	return answer;
}

void
ph_fork_serve(struct ph_stream *stream, struct ph_fork_service *service)
{
	g_autofree char *fqdn = ph_fork_fqdn(service);
	const struct ph_work_options options = {
	    .name = "fork",
	    .hostname = fqdn,
	    .directory = service->directory,
	    .memory = service->memory,
	    .rcpt = on_rcpt,
	    .work = carry_out,
	    .context = service,
	};

	ph_work_serve(stream, &options);
}
