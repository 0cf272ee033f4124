#ifndef LAB_H
#define LAB_H

#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"
#include "store/delivery/session.h"

#include <glib.h>

/*
 * A small organisation for tests of the store driver, without Redis: servers
 * MBX1 (this one, 192.0.2.1) and MBX2 (192.0.2.2), databases DB1 and DB2
 * active here, DB3 on MBX2, DB4 without a live copy; mailboxes nuno and ana in
 * DB1, mota in DB2, away in DB3, lost in DB4, nowhere in a database that does
 * not exist, homeless without one, contact; accepted domain example.com,
 * relay.example is an internal relay.
 */
struct lab {
	struct ph_snapshot *snapshot; /* NULL it to be without state */
	struct ph_directory *directory;
	struct ph_deliver deliver;
	struct ph_session_shared shared;
	char *log_dir;
};

/* store is the caller's; limits as in shared. */
void lab_open(struct lab *lab, struct ph_store *store);
void lab_close(struct lab *lab);

/* Databases as they are in DB1 "active", "epoch". */
void lab_move(struct lab *lab, const char *active, const char *epoch);

/* The rows of the tracking log, one a line: event, client-hostname,
 * server-hostname, connector-id, recipients and so on, as test asks; g_free. */
char *lab_rows(struct lab *lab, const int *columns, size_t n);

/* Says everything to a new session of that peer and returns what it answered,
 * without the greeting; g_free. step 0: in one piece. */
char *lab_talk(struct lab *lab, const char *peer, const char *said, size_t size,
	       size_t step);

#endif
