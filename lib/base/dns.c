#include "lib/base/dns.h"

#include "lib/base/clock.h"
#include "lib/base/stream.h"
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
		return ph_err_set(err, PH_ERR_TEMP, "out of time");
	if (dns->n > 0) {
		memcpy(state->nsaddr_list, dns->servers,
		       dns->n * sizeof dns->servers[0]);
		state->nscount = (int)dns->n;
	}
	/* The library doubles the wait in its second round. */
	each = left / 1000 / (MAX(state->nscount, 1) * (TRIES + 1));
	state->retry = each > 0 ? TRIES : 1;
	state->retrans = (int)CLAMP(each, 1, TRY_TIME);
	/* Over TCP it would wait for ever. */
	state->options |= RES_IGNTC;
	return 0;
}

/* ---- by TCP, what is too long for a packet ------------------------------- */

/* false: there is none of that number. */
static bool
find_server(const struct __res_state *state, int i,
	    struct ph_endpoint *endpoint_r)
{
	const struct sockaddr_in *v4 = &state->nsaddr_list[i];
	const struct sockaddr_in6 *v6 = state->_u._ext.nsaddrs[i];
	int r;

	*endpoint_r = (struct ph_endpoint){.unix_socket = false};
	if (v4->sin_family == AF_INET) {
		endpoint_r->port = ntohs(v4->sin_port);
		r = getnameinfo((const struct sockaddr *)v4, sizeof *v4,
				endpoint_r->host, sizeof endpoint_r->host, NULL,
				0, NI_NUMERICHOST);
	} else if (v6 != NULL) {
		endpoint_r->port = ntohs(v6->sin6_port);
		r = getnameinfo((const struct sockaddr *)v6, sizeof *v6,
				endpoint_r->host, sizeof endpoint_r->host, NULL,
				0, NI_NUMERICHOST);
	} else {
		return false;
	}
	return r == 0;
}

static int
read_exactly(struct ph_stream *stream, unsigned char *data, size_t size,
	     int64_t deadline, struct ph_err *err)
{
	while (size > 0) {
		ssize_t n;

		ph_stream_set_timeout(stream,
				      MAX(deadline - ph_clock_mono(), 1));
		n = ph_stream_read(stream, data, size, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s closed the connection",
					  ph_stream_peer(stream));
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* RFC 1035 section 4.2.2. The answer's size, or -1. */
static int
converse(struct ph_stream *stream, const unsigned char *query, size_t size,
	 unsigned char *answer, int64_t deadline, struct ph_err *err)
{
	g_autoptr(GByteArray) question = g_byte_array_new();
	unsigned char length[2];
	size_t n;

	ns_put16((unsigned)size, length);
	g_byte_array_append(question, length, sizeof length);
	g_byte_array_append(question, query, (guint)size);
	ph_stream_set_timeout(stream, MAX(deadline - ph_clock_mono(), 1));
	if (ph_stream_write(stream, question->data, question->len, err) < 0 ||
	    read_exactly(stream, length, sizeof length, deadline, err) < 0)
		return -1;
	n = ns_get16(length);
	if (read_exactly(stream, answer, n, deadline, err) < 0)
		return -1;
	if (n < NS_HFIXEDSZ || memcmp(answer, query, 2) != 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s answered something else",
				  ph_stream_peer(stream));
	return (int)n;
}

/* Of one server after the other, each with its share of the time. */
static int
ask_by_tcp(const struct __res_state *state, const unsigned char *query,
	   size_t size, unsigned char *answer, int64_t deadline,
	   struct ph_err *err)
{
	int n = -1;

	ph_err_set(err, PH_ERR_TEMP, "no server");
	for (int i = 0; i < state->nscount && n < 0; i++) {
		const int64_t left = deadline - ph_clock_mono();
		const int64_t share = left / (state->nscount - i);
		struct ph_endpoint endpoint;
		struct ph_stream *stream = NULL;

		if (share <= 0 || !find_server(state, i, &endpoint) ||
		    ph_stream_connect(&endpoint, NULL, share, &stream, err) < 0)
			continue;
		n = converse(stream, query, size, answer,
			     deadline - left + share, err);
		ph_stream_free(&stream);
	}
	return n;
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

static bool
is_cut(const unsigned char *answer, int size)
{
	ns_msg message;

	return size >= NS_HFIXEDSZ &&
	       (ns_initparse(answer, size, &message) < 0 ||
		ns_msg_getflag(message, ns_f_tc) != 0);
}

/* The answer's size, or -1. */
static int
exchange(const struct ph_dns *dns, const char *name, int type, int64_t deadline,
	 unsigned char *answer, struct ph_err *err)
{
	unsigned char query[NS_PACKETSZ];
	struct __res_state state;
	int size, n = -1;

	if (prepare(dns, deadline, &state, err) < 0)
		return -1;
	size = res_nmkquery(&state, ns_o_query, name, ns_c_in, type, NULL, 0,
			    NULL, query, sizeof query);
	if (size > 0)
		n = res_nsend(&state, query, size, answer, ANSWER_SIZE);
	if (n < 0)
		ph_err_set(err, PH_ERR_TEMP, "%s",
			   size < 0 ? "no question can be made of it"
				    : "no server answers");
	else if (is_cut(answer, n))
		n = ask_by_tcp(&state, query, (size_t)size, answer, deadline,
			       err);
	res_nclose(&state);
	return n;
}

/* 1 there may be records, 0 there are none, -1. */
static int
judge(const unsigned char *answer, int size, struct ph_err *err)
{
	static const char *const words[] = {
	    [ns_r_formerr] = "FORMERR",
	    [ns_r_servfail] = "SERVFAIL",
	    [ns_r_notimpl] = "NOTIMP",
	    [ns_r_refused] = "REFUSED",
	};
	ns_msg message;
	unsigned code;

	if (ns_initparse(answer, size, &message) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "the answer is none");
	code = (unsigned)ns_msg_getflag(message, ns_f_rcode);
	if (code == ns_r_noerror)
		return ns_msg_count(message, ns_s_an) > 0;
	if (code == ns_r_nxdomain)
		return 0;
	if (code < G_N_ELEMENTS(words) && words[code] != NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s", words[code]);
	return ph_err_set(err, PH_ERR_TEMP, "answered with code %u", code);
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
	int size, rc = -1;

	*records_r = NULL;
	if (ascii == NULL || !can_be_asked(ascii))
		return 0;
	answer = g_malloc(ANSWER_SIZE);
	size = exchange(dns, ascii, types[type], deadline, answer, err);
	if (size >= 0)
		rc = judge(answer, MIN(size, ANSWER_SIZE), err);
	if (rc < 0)
		return ph_err_wrap(err, "DNS: %s", ascii);
	if (rc == 0)
		return 0;
	*records_r = read_answer(answer, MIN(size, ANSWER_SIZE), types[type]);
	if ((*records_r)->len > 0)
		return 1;
	g_ptr_array_unref(g_steal_pointer(records_r));
	return 0;
}
