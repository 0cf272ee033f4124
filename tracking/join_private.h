#ifndef PH_TRACKING_JOIN_PRIVATE_H
#define PH_TRACKING_JOIN_PRIVATE_H

#include "tracking/join.h"

/* What is known about a queue id. */
struct ph_join_entry {
	char *queue_id;
	GList *used;	/* its link in ph_join.used */
	GList *waiting; /* its link in ph_join.waiting; NULL: seen active */
	bool fresh;	/* its first line is newer than this process */
	bool searched;	/* the rows of earlier days have been searched */
	bool active;
	bool has_received;
	struct ph_track_record received;
	int64_t received_at; /* wall ms, while waiting */
	char *message_id, *nmid, *sender, *size;
	GHashTable *deferred; /* recipients whose last attempt was deferred;
			       * NULL: none */
};

/* Recipients of one transaction. */
struct ph_join_group {
	char *queue_id, *pid, *relay, *text;
	int64_t time;  /* of its last line, wall ms */
	int64_t quiet; /* monotonic ms of its last line */
	bool each;     /* LMTP: a reply for each recipient */
	size_t recipients;
	GArray *offsets; /* of int64_t */
	struct ph_track_record record;
};

struct ph_join {
	struct ph_join_options options; /* texts are copies */
	GHashTable *entries;		/* queue_id -> entry */
	GQueue used;			/* of entry, oldest first */
	GQueue waiting;			/* same */
	GQueue groups;			/* of group, oldest first */
	int64_t started;		/* wall ms */
	int64_t now;			/* monotonic ms of the last tick */
	int64_t log_time;		/* the latest time stamp, wall ms */
};

/* How a transport's deliveries appear in the log of Exchange. */
struct ph_join_route {
	const char *service; /* end of syslog_name; NULL: any */
	const char *socket;  /* or the end of a UNIX socket's path; NULL */
	const char *daemon;  /* NULL: any */
	const char *sent;    /* event; NULL: no row */
	const char *source;
};

/* The route of a delivery line. */
const struct ph_join_route *ph_join_route_find(const struct ph_maillog *line,
					       const char *address);

/* Rows, without what the log writer fills in. entry may be NULL. */
void ph_join_row_sent(const struct ph_join *join,
		      const struct ph_join_entry *entry,
		      const struct ph_maillog *line,
		      const struct ph_join_origin *origin, const char *event,
		      const char *source, struct ph_track_record *record_r);
void ph_join_row_recipient(struct ph_track_record *record,
			   const struct ph_maillog *line);
void ph_join_row_failed(const struct ph_join *join,
			const struct ph_join_entry *entry,
			const struct ph_maillog *line,
			const struct ph_join_origin *origin, const char *event,
			struct ph_track_record *record_r);
void ph_join_row_expired(const struct ph_join *join,
			 const struct ph_join_entry *entry,
			 const struct ph_maillog *line,
			 const struct ph_join_origin *origin,
			 struct ph_track_record *record_r);
void ph_join_row_dsn(const struct ph_join *join,
		     const struct ph_join_entry *entry,
		     const struct ph_join_entry *dsn,
		     const struct ph_maillog *line,
		     const struct ph_join_origin *origin,
		     struct ph_track_record *record_r);
void ph_join_row_unqueued(const struct ph_join *join,
			  const struct ph_join_entry *entry,
			  struct ph_track_record *record_r);

#endif
