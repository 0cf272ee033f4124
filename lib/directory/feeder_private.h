#ifndef PH_DIRECTORY_FEEDER_PRIVATE_H
#define PH_DIRECTORY_FEEDER_PRIVATE_H

#include "lib/directory/feeder.h"
#include "lib/directory/file.h"

#include <glib.h>

/* What the files of the feeder share: no contract for others. */

/* What is in force: the state's word. */
struct ph_feeder_verdict {
	char *organization;
	char *adopted;
};

struct ph_feeder {
	struct ph_state *state;
	struct ph_redis *redis;
	struct ph_dirfile *file;
	char *prefix; /* "posthub:recipient:" */
	char *meta;   /* "posthub:meta" */
	GThread *thread;
	int wake_fd; /* eventfd: readable once it shall stop */
	gint stopping;

	GMutex lock;
	struct ph_directory_status status; /* under lock */
	char *status_path;

	/* The thread's own. */
	struct ph_redis_watch *watch;
	GHashTable *pending;		   /* names that have changed */
	bool whole;			   /* everything must be read */
	struct ph_feeder_verdict recorded; /* in force when the file was last
					    * read whole; "" or NULL: never */
	char *refused; /* what was in force when a whole read was
			* refused; NULL: it was not */
	int64_t refused_at;
	int64_t cleaned_at;
	bool dirty; /* the status file is not what it should be */
	int64_t shown_at;
};

void ph_feeder_verdict_clear(struct ph_feeder_verdict *verdict);

/* 1: Redis, as far as the state knows, is the organisation in force; 0: not,
 * err says why. */
int ph_feeder_gate(struct ph_feeder *feeder,
		   struct ph_feeder_verdict *verdict_r, struct ph_err *err);

/* Hashes of the names that a whole read has met. */
struct ph_feeder_seen {
	GArray *hashes; /* uint64_t; sorted once it is looked into */
};

/* Recipients in one transaction while everything is read: each is synced. */
#define PH_FEEDER_WHOLE 5000

/*
 * Reads keys and meta in one MULTI and takes over what they hold. With seen, in
 * several, for then Redis must not be kept from others; keys that are there are
 * noted in it and those that are gone are left alone; without, they are
 * removed. 1: done; 0: the gate is closed; -1.
 */
int ph_feeder_read(struct ph_feeder *feeder, const GPtrArray *names,
		   struct ph_feeder_seen *seen, struct ph_err *err);

/* Reads everything. 1: done; 0: refused, err says why; -1. */
int ph_feeder_read_all(struct ph_feeder *feeder, struct ph_err *err);

/* Reads what is pending, until nothing is. As ph_feeder_read. */
int ph_feeder_read_pending(struct ph_feeder *feeder, struct ph_err *err);

/* In the middle of a whole read: what is pending now, and it counts as seen,
 * since SCAN may have gone by before it was there. As ph_feeder_read. */
int ph_feeder_read_changed(struct ph_feeder *feeder,
			   struct ph_feeder_seen *seen, struct ph_err *err);

/* Waits for changes and notes them: pending, or whole. 0 or -1. */
int ph_feeder_listen(struct ph_feeder *feeder, int64_t timeout_ms,
		     struct ph_err *err);

/* Commits, and then notes in the status what the file holds. */
int ph_feeder_commit(struct ph_feeder *feeder, struct ph_dirwrite **write,
		     struct ph_err *err);
int ph_feeder_count(struct ph_feeder *feeder, struct ph_dirwrite *write,
		    struct ph_err *err);

/* reason "": all is well. Logged when it changes. */
void ph_feeder_tell(struct ph_feeder *feeder, bool connected,
		    const char *reason);

/* Writes the status file when there is something new to show. */
void ph_feeder_show(struct ph_feeder *feeder);

/* Sets recorded from the file. */
int ph_feeder_remember(struct ph_feeder *feeder, struct ph_dirwrite *write,
		       struct ph_err *err);

/* Sets err; 0. */
int ph_feeder_closed(struct ph_err *err, const char *text);

/* Both name the same organisation. */
bool ph_feeder_same_organization(const char *a, const char *b);

#endif
