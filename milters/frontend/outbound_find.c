#include "milters/frontend/outbound.h"
#include "milters/frontend/work.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <string.h>

/* Of all that DNS names, these many are connected to. */
#define ADDRESSES_LIMIT 10

/* One message while a host is looked for. */
struct search {
	const struct ph_frontend *frontend;
	struct ph_mail *mail;
	const struct ph_way *way;
	GRand *random;
	int64_t deadline;
	const char *domain; /* of the target that is tried */
	unsigned tried;
	struct ph_remote *remote; /* found */
	/* What to say in the end: a host's own "later", else the last trouble.
	 */
	struct ph_smtp_reply later;
	const char *code;
	struct ph_err err;
	bool refused; /* mail->verdict says so */
};

static void
trouble(struct search *search, const char *code, const char *where)
{
	search->code = code;
	if (where != NULL)
		ph_err_wrap(&search->err, "%s", where);
	ph_log(PH_LOG_WARN, search->mail->queue_id, "outbound: %s",
	       search->err.text);
}

static void refuse(struct search *search, int code, const char *enhanced,
		   const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
refuse(struct search *search, int code, const char *enhanced,
       const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	ph_verdict_answer(&search->mail->verdict, PH_OUTBOUND_AGENT, code,
			  enhanced, text);
	search->refused = true;
}

static bool
is_over(const struct search *search)
{
	return search->remote != NULL || search->refused ||
	       search->tried >= ADDRESSES_LIMIT ||
	       ph_clock_mono() >= search->deadline;
}

/* ---- one address --------------------------------------------------------- */

/* "No" is an answer; "later" may be otherwise at the next host. */
static void
hear(struct search *search, struct ph_smtp_reply *reply)
{
	if (reply->code / 100 == 5) {
		ph_work_pass(search->mail, reply);
		search->refused = true;
		ph_smtp_reply_clear(reply);
		return;
	}
	ph_smtp_reply_clear(&search->later);
	search->later = *reply;
}

static void
try_address(struct search *search, const char *host, const char *address,
	    int port)
{
	const struct ph_remote_question question = {
	    .frontend = search->frontend,
	    .mail = search->mail,
	    .way = search->way,
	    .domain = search->domain,
	    .host = host,
	    .address = address,
	    .port = port,
	    .deadline = search->deadline,
	};
	g_autofree char *where =
	    g_strdup_printf("%s[%s]:%d", host, address, port);
	struct ph_smtp_reply reply;
	const char *code = "4.4.1";

	search->tried++;
	switch (ph_remote_open(&question, &search->remote, &reply, &code,
			       &search->err)) {
	case 1:
		break;
	case 0:
		hear(search, &reply);
		break;
	default:
		trouble(search, code, where);
	}
}

/* ---- one host ------------------------------------------------------------ */

static bool
is_ours(const struct search *search, const char *host)
{
	return ph_topology_peer(ph_snapshot_derived(search->mail->snapshot,
						    PH_FRONTEND_TOPOLOGY),
				host) != NULL;
}

/* 1, 0: the host has no address; -1. */
static int
try_host(struct search *search, const char *host, int port)
{
	g_autoptr(GPtrArray) addresses = NULL;
	int r;

	if (g_hostname_is_ip_address(host)) {
		try_address(search, host, host, port);
		return 1;
	}
	r = ph_exchangers_addresses(&search->frontend->outbound.exchangers,
				    host, search->deadline, &addresses,
				    &search->err);
	if (r < 0)
		trouble(search, "4.4.3", NULL);
	for (guint i = 0; r == 1 && i < addresses->len && !is_over(search); i++)
		try_address(search, host, addresses->pdata[i], port);
	return r;
}

/* A host that is no better than one of ours would send the mail back here (RFC
 * 5321 section 5.1). */
static void
cut_at_ours(const struct search *search, GPtrArray *hosts)
{
	for (guint i = 0; i < hosts->len; i++) {
		const struct ph_dns_record *host = hosts->pdata[i];
		guint first = i;

		if (!is_ours(search, host->value))
			continue;
		while (first > 0 &&
		       ((struct ph_dns_record *)hosts->pdata[first - 1])
			       ->preference == host->preference)
			first--;
		g_ptr_array_set_size(hosts, (gint)first);
		return;
	}
}

static void
try_hosts(struct search *search, const char *domain, GPtrArray *hosts, int port)
{
	const struct ph_dns_record *only = hosts->pdata[0];
	bool itself = hosts->len == 1 && strcmp(only->value, domain) == 0;

	cut_at_ours(search, hosts);
	if (hosts->len == 0) {
		refuse(search, 554, "5.4.6", "Mail for %s loops back to us",
		       domain);
		return;
	}
	for (guint i = 0; i < hosts->len && !is_over(search); i++) {
		const struct ph_dns_record *host = hosts->pdata[i];
		int r = try_host(search, host->value, port);

		if (r == 0 && itself) {
			refuse(search, 550, "5.4.4",
			       "Host or domain name not found: %s", domain);
		} else if (r == 0) {
			ph_err_set(&search->err, PH_ERR_TEMP,
				   "%s: its mail host %s has no address",
				   domain, host->value);
			trouble(search, "4.4.3", NULL);
		}
	}
}

static void
try_domain(struct search *search, const char *domain, int port)
{
	g_autoptr(GPtrArray) hosts = NULL;

	switch (ph_exchangers_hosts(&search->frontend->outbound.exchangers,
				    domain, search->random, search->deadline,
				    &hosts, &search->err)) {
	case 1:
		try_hosts(search, domain, hosts, port);
		break;
	case 0:
		refuse(search, 556, "5.1.10",
		       "Domain %s does not accept mail (null MX)", domain);
		break;
	default:
		trouble(search, "4.4.3", NULL);
	}
}

static void
try_target(struct search *search, const struct ph_target *target)
{
	search->domain = target->host;
	if (target->mx) {
		try_domain(search, target->host, target->port);
	} else if (try_host(search, target->host, target->port) == 0) {
		ph_err_set(&search->err, PH_ERR_TEMP,
			   "smart host %s has no address", target->host);
		trouble(search, "4.4.3", NULL);
	}
}

/* ---- all ----------------------------------------------------------------- */

static int
conclude(struct search *search, struct ph_remote **remote_r)
{
	if (search->remote != NULL) {
		ph_smtp_reply_clear(&search->later);
		*remote_r = search->remote;
		return 0;
	}
	if (!search->refused && search->later.code != 0)
		ph_work_pass(search->mail, &search->later);
	else if (!search->refused)
		refuse(search, 451, search->code, "%s",
		       *search->err.text != '\0' ? search->err.text
						 : "out of time");
	ph_smtp_reply_clear(&search->later);
	return 1;
}

int
ph_outbound_find(const struct ph_frontend *frontend, struct ph_mail *mail,
		 const struct ph_way *way, struct ph_remote **remote_r)
{
	struct search search = {
	    .frontend = frontend,
	    .mail = mail,
	    .way = way,
	    .random = g_rand_new(),
	    .deadline = ph_clock_mono() + frontend->outbound.try_timeout,
	    .code = "4.4.1",
	};
	int rc;

	for (guint i = 0; i < way->targets->len && !is_over(&search); i++)
		try_target(&search,
			   &g_array_index(way->targets, struct ph_target, i));
	rc = conclude(&search, remote_r);
	g_rand_free(search.random);
	return rc;
}
