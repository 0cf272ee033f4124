#ifndef LAB_H
#define LAB_H

#include "lib/routing/topology.h"
#include "store/delivery/session.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * A small organisation for tests of the store driver: servers MBX1 (this one,
 * 192.0.2.1) and MBX2 (192.0.2.2); databases DB1 and DB2 active here, DB3 on
 * MBX2, DB4 without a copy. Everything but the back end lives in memory.
 */
static const char *const lab_people[] = {
    "recipient|nuno@example.com|RecipientType=UserMailbox|Database=DB1|"
    "PrimarySmtpAddress=nuno@example.com|EmailAddresses=n.uno@example.com",
    "recipient|ana@example.com|RecipientType=UserMailbox|Database=db1",
    "recipient|mota@example.com|RecipientType=UserMailbox|Database=DB2",
    "recipient|away@example.com|RecipientType=UserMailbox|Database=DB3",
    "recipient|gone@example.com|RecipientType=UserMailbox|Database=DB3",
    "recipient|lost@example.com|RecipientType=UserMailbox|Database=DB4",
    "recipient|nowhere@example.com|RecipientType=UserMailbox|Database=DB9",
    "recipient|group@example.com|RecipientType=MailGroup",
};

struct lab {
	struct ph_snapshot *snapshot; /* NULL: no state yet */
	struct ph_directory *directory;
	struct ph_deliver deliver;
	struct ph_session_shared shared;
};

static const struct ph_derive lab_derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* Where the active copy of DB1 is, and under which Epoch. */
static inline void
lab_state(struct lab *lab, const char *active, int epoch)
{
	g_autofree char *db1 = g_strdup_printf(
	    "database|DB1|Servers=MBX1,MBX2|Active=%s|Epoch=%d", active, epoch);
	const char *const lines[] = {
	    "domain|example.com|DomainType=Authoritative",
	    "domain|relay.example|DomainType=InternalRelay",
	    "site|A",
	    "server|MBX1|Site=A|Fqdn=mbx1.example.com|Delivery=192.0.2.1:475|"
	    "Roles=HubTransport,Mailbox",
	    "server|MBX2|Site=A|Fqdn=mbx2.example.com|Delivery=192.0.2.2:475|"
	    "Roles=HubTransport,Mailbox",
	    db1,
	    "database|DB2|Servers=MBX1|Active=MBX1",
	    "database|DB3|Servers=MBX1,MBX2|Active=MBX2",
	    "database|DB4|Servers=MBX1",
	};
	struct ph_object *objects[G_N_ELEMENTS(lines)];

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		objects[i] = unit_object_line(lines[i]);
	ph_snapshot_unref(&lab->snapshot);
	lab->snapshot =
	    ph_snapshot_build((const struct ph_object *const *)objects,
			      G_N_ELEMENTS(objects), lab_derive);
	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		ph_object_unref(&objects[i]);
}

static inline struct ph_snapshot *
lab_take(void *context)
{
	struct lab *lab = context;

	return lab->snapshot ? ph_snapshot_ref(lab->snapshot) : NULL;
}

static inline enum ph_recipient_verdict
lab_active(void *context, const char *database, int64_t epoch,
	   struct ph_err *err)
{
	struct lab *lab = context;

	return ph_recipient_active(lab->snapshot, "MBX1", database, epoch, err);
}

static inline struct ph_directory *
lab_directory(void)
{
	struct ph_object *entries[G_N_ELEMENTS(lab_people) + 200];
	struct ph_directory *directory;
	size_t n;

	for (n = 0; n < G_N_ELEMENTS(lab_people); n++)
		entries[n] = unit_object_line(lab_people[n]);
	for (size_t i = 0; i < 200; i++) {
		g_autofree char *line = g_strdup_printf(
		    "recipient|u%zu@example.com|RecipientType=UserMailbox|"
		    "Database=DB%d",
		    i, i % 2 ? 2 : 1);

		entries[n++] = unit_object_line(line);
	}
	directory =
	    ph_directory_memory((const struct ph_object *const *)entries, n);
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&entries[i]);
	return directory;
}

/* store is the caller's to close, after lab_close. */
static inline void
lab_open(struct lab *lab, struct ph_store *store)
{
	memset(lab, 0, sizeof(*lab));
	lab_state(lab, "MBX1", 1);
	lab->directory = lab_directory();
	lab->deliver.store = store;
	lab->deliver.locks = ph_locks_new();
	lab->deliver.slots = ph_slots_new(4);
	lab->deliver.slot_timeout = 10000;
	lab->deliver.server = "MBX1";
	lab->deliver.address = "192.0.2.1";
	lab->deliver.active = lab_active;
	lab->deliver.context = lab;
	lab->shared.deliver = &lab->deliver;
	lab->shared.directory = lab->directory;
	lab->shared.take = lab_take;
	lab->shared.context = lab;
	lab->shared.actions[PH_RECIPIENT_INACTIVE] = PH_INACTIVE_RETRY;
}

static inline void
lab_close(struct lab *lab)
{
	ph_track_log_close(&lab->deliver.log);
	ph_slots_free(&lab->deliver.slots);
	ph_locks_free(&lab->deliver.locks);
	ph_directory_close(&lab->directory);
	ph_snapshot_unref(&lab->snapshot);
}

/* Feeds bytes to a session and appends what it answers. */
static inline enum ph_lmtp_state
lab_say(struct ph_session *session, const char *data, size_t size, GString *out)
{
	enum ph_lmtp_state state = PH_LMTP_STATE_MORE;
	const char *output;
	size_t n;

	ph_session_feed(session, data, size);
	do {
		state = ph_session_step(session);
		output = ph_session_output(session, &n);
		g_string_append_len(out, output, (gssize)n);
		ph_session_sent(session, n);
	} while (state == PH_LMTP_STATE_AGAIN);
	return state;
}

/* A whole connection: what was answered, greeting included. step 0: said in
 * one piece, else in pieces of that size. */
static inline char *
lab_talk(struct lab *lab, const char *peer, const char *said, size_t size,
	 size_t step)
{
	struct ph_session *session = ph_session_new(&lab->shared, peer);
	GString *out = g_string_new(NULL);

	for (size_t at = 0; at < size; at += step ? step : size)
		lab_say(session, said + at, step ? MIN(step, size - at) : size,
			out);
	ph_session_free(&session);
	return g_string_free(out, FALSE);
}

#endif
