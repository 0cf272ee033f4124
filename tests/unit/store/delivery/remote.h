#ifndef REMOTE_H
#define REMOTE_H

#include "tests/unit/store/delivery/lab.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * MBX1 with a store driver on MBX2 that really is asked: a listener on a free
 * port, a thread for each connection.
 */
struct remote {
	int listener, port;
	void (*serve)(int fd, void *context); /* closes fd */
	void *context;
	GThread *thread;
	GMutex lock;
	unsigned sessions; /* under lock */
};

#define OWN_POSTFIX "192.0.2.1"
#define STRANGER "198.51.100.7"

/* DB1, DB2 active on MBX1, DB3 on the server named; MBX2 is at
 * that port. */
static inline struct ph_snapshot *
remote_state(int port, const char *db3)
{
	g_autofree char *mbx2 = g_strdup_printf(
	    "server|MBX2|Site=A|Fqdn=mbx2.example.com|Delivery=127.0.0.1:%d|"
	    "Roles=HubTransport,Mailbox",
	    port);
	g_autofree char *place =
	    g_strdup_printf("database|DB3|Servers=MBX1,MBX2|Active=%s", db3);
	const char *const lines[] = {
	    "domain|example.com|DomainType=Authoritative",
	    "site|A",
	    "server|MBX1|Site=A|Fqdn=mbx1.example.com|Delivery=192.0.2.1:475|"
	    "Roles=HubTransport,Mailbox",
	    mbx2,
	    "database|DB1|Servers=MBX1|Active=MBX1",
	    "database|DB2|Servers=MBX1|Active=MBX1",
	    place,
	};
	struct ph_object *objects[G_N_ELEMENTS(lines)];
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		objects[i] = unit_object_line(lines[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)objects,
				     G_N_ELEMENTS(objects), lab_derive);
	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		ph_object_unref(&objects[i]);
	return snapshot;
}

struct remote_call {
	struct remote *remote;
	int fd;
};

static inline gpointer
remote_call(gpointer data)
{
	struct remote_call *call = data;

	call->remote->serve(call->fd, call->remote->context);
	g_free(call);
	return NULL;
}

static inline gpointer
remote_run(gpointer data)
{
	struct remote *remote = data;
	g_autoptr(GPtrArray) threads = g_ptr_array_new();
	int fd;

	while ((fd = accept(remote->listener, NULL, NULL)) >= 0) {
		struct remote_call *call = g_new0(struct remote_call, 1);

		*call = (struct remote_call){remote, fd};
		g_mutex_lock(&remote->lock);
		remote->sessions++;
		g_mutex_unlock(&remote->lock);
		g_ptr_array_add(threads,
				g_thread_new("remote", remote_call, call));
	}
	for (guint i = 0; i < threads->len; i++)
		g_thread_join(threads->pdata[i]);
	return NULL;
}

static inline void
remote_listen(struct remote *remote)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	memset(remote, 0, sizeof(*remote));
	g_mutex_init(&remote->lock);
	remote->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(
	    bind(remote->listener, (const struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(
	    getsockname(remote->listener, (struct sockaddr *)&address, &size),
	    0);
	ck_assert_int_eq(listen(remote->listener, 8), 0);
	remote->port = ntohs(address.sin_port);
}

static inline void
remote_start(struct remote *remote, void (*serve)(int fd, void *context),
	     void *context)
{
	remote->serve = serve;
	remote->context = context;
	remote->thread = g_thread_new("listener", remote_run, remote);
}

/* Waits until every connection has ended; not again. */
static inline void
remote_stop(struct remote *remote)
{
	shutdown(remote->listener, SHUT_RDWR);
	if (remote->thread)
		g_thread_join(remote->thread);
	remote->thread = NULL;
	close(remote->listener);
	g_mutex_clear(&remote->lock);
}

/* MBX1, which hands over. */
static inline void
remote_lab(struct lab *lab, struct ph_store *store, struct remote *remote)
{
	lab_open(lab, store);
	ph_snapshot_unref(&lab->snapshot);
	lab->snapshot = remote_state(remote->port, "MBX2");
	lab->shared.actions[PH_RECIPIENT_INACTIVE] = PH_INACTIVE_REROUTE;
	lab->shared.reroute.connect_timeout = 10000;
	lab->shared.reroute.timeout = 10000;
	lab->shared.reroute.final_timeout = 10000;
}

/* What a client of MBX1 is told after MAIL. */
static inline char *
remote_answers(struct lab *lab, const char *peer, const char *mail,
	       const char *said)
{
	static const char ok[] = "250 2.1.0 Sender OK\r\n";
	g_autofree char *all =
	    g_strdup_printf("LHLO hub\r\n%s\r\n%s", mail, said);
	g_autofree char *out = lab_talk(lab, peer, all, strlen(all), 0);
	const char *mark = strstr(out, ok);

	ck_assert_msg(mark != NULL, "%s", out);
	return g_strdup(mark + strlen(ok));
}

#endif
