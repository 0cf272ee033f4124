#include "lib/base/dns.h"

#include "lib/base/clock.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	const char *text;
	int n; /* -1: refused */
} settings[] = {
    {"", 0},
    {"192.0.2.1", 1},
    {"192.0.2.1, 192.0.2.2:5353", 2},
    {"192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4", -1},
    {"ns.test", -1},
    {"192.0.2.1:0", -1},
    {"192.0.2.1:x", -1},
    {"2001:db8::1", -1},
};

START_TEST(servers_are_read)
{
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_dns dns;
		int rc = ph_dns_parse(settings[i].text, &dns, &err);

		ck_assert_msg(rc == (settings[i].n < 0 ? -1 : 0), "%s",
			      settings[i].text);
		if (rc < 0)
			ck_assert_int_eq(err.kind, PH_ERR_PERM);
		else
			ck_assert_int_eq((int)dns.n, settings[i].n);
	}
}
END_TEST

/* ---- a server of one answer --------------------------------------------- */

struct server {
	int fd;
	struct ph_dns dns;
	const unsigned char *answer; /* what follows the question; NULL: none */
	size_t size;
	unsigned char rcode, count;
};

static void
open_server(struct server *server)
{
	struct sockaddr_in *address = &server->dns.servers[0];
	socklen_t size = sizeof *address;

	*address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	server->dns.n = 1;
	server->fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(server->fd, (struct sockaddr *)address, size), 0);
	getsockname(server->fd, (struct sockaddr *)address, &size);
}

static void *
serve_one(void *arg)
{
	const struct server *server = arg;
	struct sockaddr_in from;
	socklen_t from_size = sizeof from;
	unsigned char packet[1024];
	ssize_t n = recvfrom(server->fd, packet, 512, 0,
			     (struct sockaddr *)&from, &from_size);

	packet[2] |= 0x80;
	packet[3] = (unsigned char)(0x80 | server->rcode);
	packet[7] = server->count;
	/* Nothing follows the question but the answer. */
	memset(packet + 8, 0, 4);
	if (server->size > 0)
		memcpy(packet + n, server->answer, server->size);
	sendto(server->fd, packet, (size_t)n + server->size, 0,
	       (struct sockaddr *)&from, from_size);
	return NULL;
}

static int
ask(struct server *server, enum ph_dns_type type, GPtrArray **records_r,
    struct ph_err *err)
{
	GThread *thread;
	int rc;

	open_server(server);
	thread = g_thread_new("dns", serve_one, server);
	rc = ph_dns_find(&server->dns, "d.test", type, ph_clock_mono() + 5000,
			 records_r, err);
	g_thread_join(thread);
	close(server->fd);
	return rc;
}

#define HEAD(type, size) 0xc0, 12, 0, (type), 0, 1, 0, 0, 0, 60, 0, (size)

START_TEST(answers_are_read)
{
	/* 20 b.d.test, 5 and the root, and one of another type. */
	static const unsigned char mx[] = {
	    HEAD(15, 6), 0, 20, 1,	    'b', 0xc0, 12, HEAD(15, 3),
	    0,		 5, 0,	HEAD(1, 4), 192, 0,    2,  9,
	};
	struct server server = {.answer = mx, .size = sizeof mx, .count = 3};
	g_autoptr(GPtrArray) records = NULL;
	struct ph_err err = PH_ERR_INIT;
	const struct ph_dns_record *record;

	ck_assert_msg(ask(&server, PH_DNS_MX, &records, &err) == 1, "%s",
		      err.text);
	ck_assert_uint_eq(records->len, 2);
	record = records->pdata[0];
	ck_assert_str_eq(record->value, "b.d.test");
	ck_assert_uint_eq(record->preference, 20);
	record = records->pdata[1];
	ck_assert_str_eq(record->value, "");
}
END_TEST

static const struct {
	unsigned char rcode;
	int answer;
} codes[] = {
    {0, 0},  /* no record of this type */
    {3, 0},  /* NXDOMAIN */
    {2, -1}, /* SERVFAIL */
    {5, -1}, /* REFUSED */
};

START_TEST(no_and_cannot_say)
{
	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
		struct server server = {.rcode = codes[i].rcode};
		GPtrArray *records = NULL;
		struct ph_err err = PH_ERR_INIT;
		int rc = ask(&server, PH_DNS_A, &records, &err);

		ck_assert_msg(rc == codes[i].answer, "%d: %d %s",
			      codes[i].rcode, rc, err.text);
		ck_assert_ptr_null(records);
		ck_assert(rc == 0 || err.kind == PH_ERR_TEMP);
	}
}
END_TEST

/* ---- an answer that is too long for a packet ---------------------------- */

/* The same over TCP, at the same port. */
static int
open_tcp(const struct server *server)
{
	const struct sockaddr_in *address = &server->dns.servers[0];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(
	    bind(fd, (const struct sockaddr *)address, sizeof *address), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

struct long_answer {
	struct server server;
	int tcp;
	unsigned char id; /* is added to that of the question */
	int rcode;
	unsigned records;
	size_t cut; /* of the answer, at its end */
};

static void
add_record(GByteArray *answer, unsigned i)
{
	const unsigned char record[] = {HEAD(1, 4), 192, 0, 2,
					(unsigned char)i};

	g_byte_array_append(answer, record, sizeof record);
}

static void *
serve_tcp(void *arg)
{
	const struct long_answer *self = arg;
	int fd = accept(self->tcp, NULL, NULL);
	g_autoptr(GByteArray) answer = g_byte_array_new();
	unsigned char packet[512], size[2];
	ssize_t n;

	ck_assert_int_eq(recv(fd, size, 2, MSG_WAITALL), 2);
	n = recv(fd, packet, size[0] * 256U + size[1], MSG_WAITALL);
	ck_assert_int_gt(n, 12);
	packet[1] = (unsigned char)(packet[1] + self->id);
	packet[2] |= 0x80;
	packet[3] = (unsigned char)(0x80 | self->rcode);
	packet[6] = (unsigned char)(self->records / 256);
	packet[7] = (unsigned char)self->records;
	g_byte_array_append(answer, packet, (guint)n);
	for (unsigned i = 0; i < self->records; i++)
		add_record(answer, i);
	size[0] = (unsigned char)(answer->len / 256);
	size[1] = (unsigned char)answer->len;
	/* Byte by byte, and then the rest. */
	send(fd, size, 1, MSG_NOSIGNAL);
	send(fd, size + 1, 1, MSG_NOSIGNAL);
	send(fd, answer->data, 1, MSG_NOSIGNAL);
	send(fd, answer->data + 1, answer->len - 1 - self->cut, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static void *
serve_cut(void *arg)
{
	struct server *server = arg;
	struct sockaddr_in from;
	socklen_t from_size = sizeof from;
	unsigned char packet[512];
	ssize_t n = recvfrom(server->fd, packet, sizeof packet, 0,
			     (struct sockaddr *)&from, &from_size);

	packet[2] |= 0x82; /* an answer, TC */
	packet[3] = 0x80;
	sendto(server->fd, packet, (size_t)n, 0, (struct sockaddr *)&from,
	       from_size);
	return NULL;
}

static int
ask_long(struct long_answer *self, bool answers, int64_t timeout,
	 GPtrArray **records_r, struct ph_err *err)
{
	GThread *udp, *tcp = NULL;
	int rc;

	open_server(&self->server);
	self->tcp = open_tcp(&self->server);
	udp = g_thread_new("dns", serve_cut, &self->server);
	if (answers)
		tcp = g_thread_new("tcp", serve_tcp, self);
	rc = ph_dns_find(&self->server.dns, "d.test", PH_DNS_A,
			 ph_clock_mono() + timeout, records_r, err);
	g_thread_join(udp);
	if (tcp != NULL)
		g_thread_join(tcp);
	close(self->tcp);
	close(self->server.fd);
	return rc;
}

static const struct {
	struct long_answer answer;
	int rc;
} long_answers[] = {
    {{.records = 300}, 1},
    {{.records = 0}, 0},
    {{.rcode = 3}, 0},
    {{.rcode = 2}, -1},
    {{.records = 300, .id = 1}, -1},
    {{.records = 300, .cut = 1}, -1},
};

START_TEST(a_long_answer_comes_by_tcp)
{
	for (size_t i = 0; i < G_N_ELEMENTS(long_answers); i++) {
		struct long_answer answer = long_answers[i].answer;
		g_autoptr(GPtrArray) records = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_msg(ask_long(&answer, true, 5000, &records, &err) ==
				  long_answers[i].rc,
			      "%zu: %s", i, err.text);
		if (long_answers[i].rc == 1)
			ck_assert_uint_eq(records->len, 300);
		else
			ck_assert_ptr_null(records);
		if (long_answers[i].rc < 0)
			ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	}
}
END_TEST

START_TEST(silence_by_tcp_ends)
{
	struct long_answer answer = {.records = 300};
	const int64_t begin = ph_clock_mono();
	GPtrArray *records = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ask_long(&answer, false, 300, &records, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_lt(ph_clock_mono() - begin, 10000);
}
END_TEST

/* Nobody answers: it ends. */
START_TEST(silence_ends)
{
	struct server server = {.fd = -1};
	GPtrArray *records = NULL;
	struct ph_err err = PH_ERR_INIT;

	open_server(&server);
	ck_assert_int_eq(ph_dns_find(&server.dns, "d.test", PH_DNS_A,
				     ph_clock_mono() + 500, &records, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	close(server.fd);
}
END_TEST

START_TEST(what_cannot_be_a_name_is_none)
{
	g_autofree char *label = g_strnfill(64, 'a');
	g_autofree char *name = g_strconcat(label, ".test", NULL);
	const struct ph_dns dns = {.n = 0};
	GPtrArray *records = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_dns_find(&dns, name, PH_DNS_A,
				     ph_clock_mono() + 500, &records, &err),
			 0);
	ck_assert_int_eq(ph_dns_find(&dns, "", PH_DNS_A, ph_clock_mono() + 500,
				     &records, &err),
			 0);
}
END_TEST

UNIT_MAIN("lib/base/dns", servers_are_read, answers_are_read, no_and_cannot_say,
	  silence_ends, a_long_answer_comes_by_tcp, silence_by_tcp_ends,
	  what_cannot_be_a_name_is_none)
