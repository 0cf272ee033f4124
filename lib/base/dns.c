#include "lib/base/dns.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <string.h>

#define PORT 53
#define TRIES 2
#define TRY_TIME 5 /* seconds; the library counts in whole ones */
#define ANSWER_SIZE 65535

void
ph_dns_record_free(void *arg)
{
	struct ph_dns_record *record = arg;

	g_free(record->value);
	g_free(record);
}

/* ---- servers ------------------------------------------------------------- */

static int
parse_server(const char *text, struct sockaddr_in *server_r, struct ph_err *err)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 2);
	int64_t port = PORT;

	*server_r = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, parts[0], &server_r->sin_addr) != 1 ||
	    (parts[1] != NULL && (ph_parse_int(parts[1], &port, NULL) < 0 ||
				  port < 1 || port > 65535)))
		return ph_err_set(err, PH_ERR_PERM,
				  "%s is no DNS server; expected an IPv4 "
				  "address, with :port or without",
				  text);
	server_r->sin_port = htons((uint16_t)port);
	return 0;
}

int
ph_dns_parse(const char *text, struct ph_dns *dns_r, struct ph_err *err)
{
	g_auto(GStrv) list = NULL;

	memset(dns_r, 0, sizeof *dns_r);
	if (ph_parse_list(text, &list, err) < 0)
		return -1;
	if (g_strv_length(list) > PH_DNS_SERVERS)
		return ph_err_set(err, PH_ERR_PERM,
				  "more than %d DNS servers; the resolver asks "
				  "no further ones",
				  PH_DNS_SERVERS);
	for (; list[dns_r->n] != NULL; dns_r->n++)
		if (parse_server(list[dns_r->n], &dns_r->servers[dns_r->n],
				 err) < 0)
			return -1;
	return 0;
}

static int
prepare(const struct ph_dns *dns, int64_t deadline, struct __res_state *state,
	struct ph_err *err)
{
	int64_t left = deadline - ph_clock_mono();
	int64_t each;

	memset(state, 0, sizeof *state);
	if (left <= 0 || res_ninit(state) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "DNS: out of time");
	if (dns->n > 0) {
		memcpy(state->nsaddr_list, dns->servers,
		       dns->n * sizeof dns->servers[0]);
		state->nscount = (int)dns->n;
	}
	/* The library doubles the wait in its second round. */
	each = left / 1000 / (MAX(state->nscount, 1) * (TRIES + 1));
	state->retry = each > 0 ? TRIES : 1;
	state->retrans = (int)CLAMP(each, 1, TRY_TIME);
	return 0;
}

/* ---- answers ------------------------------------------------------------- */

static struct ph_dns_record *
read_record(const ns_msg *message, const ns_rr *rr)
{
	const unsigned char *data = ns_rr_rdata(*rr);
	size_t size = ns_rr_rdlen(*rr);
	char text[NS_MAXDNAME] = "";
	struct ph_dns_record *record;
	unsigned preference = 0;

	if (ns_rr_type(*rr) == ns_t_mx) {
		if (size < 3 || ns_name_uncompress(
				    ns_msg_base(*message), ns_msg_end(*message),
				    data + 2, text, sizeof text) < 0)
			return NULL;
		preference = ns_get16(data);
		if (strcmp(text, ".") == 0)
			text[0] = '\0';
	} else if (ns_rr_type(*rr) == ns_t_a ? size != 4 : size != 16) {
		return NULL;
	} else {
		inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text,
			  sizeof text);
	}
	record = g_new0(struct ph_dns_record, 1);
	record->value = g_strdup(text);
	record->preference = preference;
	return record;
}

static GPtrArray *
read_answer(const unsigned char *data, int size, int type)
{
	GPtrArray *records = g_ptr_array_new_with_free_func(ph_dns_record_free);
	ns_msg message;

	if (ns_initparse(data, size, &message) < 0)
		return records;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		struct ph_dns_record *record;
		ns_rr rr;

		if (ns_parserr(&message, ns_s_an, i, &rr) < 0)
			break;
		if (ns_rr_class(rr) != ns_c_in || (int)ns_rr_type(rr) != type)
			continue;
		record = read_record(&message, &rr);
		if (record != NULL)
			g_ptr_array_add(records, record);
	}
	return records;
}

/* What DNS cannot hold, it does not hold. */
static bool
can_be_asked(const char *name)
{
	size_t label = 0;

	if (*name == '\0' || strlen(name) > 253)
		return false;
	for (; *name != '\0'; name++) {
		label = *name == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

int
ph_dns_find(const struct ph_dns *dns, const char *name, enum ph_dns_type type,
	    int64_t deadline, GPtrArray **records_r, struct ph_err *err)
{
	static const int types[] = {
	    [PH_DNS_A] = ns_t_a,
	    [PH_DNS_AAAA] = ns_t_aaaa,
	    [PH_DNS_MX] = ns_t_mx,
	};
	g_autofree char *ascii = g_hostname_to_ascii(name);
	g_autofree unsigned char *answer = NULL;
	struct __res_state state;
	int size, why;

	*records_r = NULL;
	if (ascii == NULL || !can_be_asked(ascii))
		return 0;
	if (prepare(dns, deadline, &state, err) < 0)
		return -1;
	answer = g_malloc(ANSWER_SIZE);
	size = res_nquery(&state, ascii, ns_c_in, types[type], answer,
			  ANSWER_SIZE);
	why = state.res_h_errno;
	res_nclose(&state);
	if (size < 0 && (why == HOST_NOT_FOUND || why == NO_DATA))
		return 0;
	if (size < 0)
		return ph_err_set(err, PH_ERR_TEMP, "DNS: %s: %s", ascii,
				  hstrerror(why));
	*records_r = read_answer(answer, MIN(size, ANSWER_SIZE), types[type]);
	if ((*records_r)->len > 0)
		return 1;
	g_ptr_array_unref(g_steal_pointer(records_r));
	return 0;
}
