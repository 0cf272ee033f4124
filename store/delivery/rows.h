#ifndef PH_STORE_DELIVERY_ROWS_H
#define PH_STORE_DELIVERY_ROWS_H

#include "lib/base/err.h"
#include "lib/message/headers.h"
#include "lib/track/log.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The tracking rows of the store driver: SMTP RECEIVE when a message has been
 * accepted, STOREDRIVER DELIVER when it is in mailboxes, STOREDRIVER
 * DUPLICATEDELIVER when they had it before, SMTP SEND when another server's
 * store driver took it.
 */
enum ph_row {
	PH_ROW_RECEIVE,
	PH_ROW_DELIVER,
	PH_ROW_DUPLICATE,
	PH_ROW_SEND,
};

/* All borrowed; texts may be "", never NULL. Times are wall ms. */
struct ph_row_facts {
	const char *server;	    /* own short name */
	const char *server_address; /* own IP address */
	const char *client;	    /* host name of the sending server */
	const char *client_address;
	const char *session;  /* 16 hexadecimal digits */
	const char *queue_id; /* of the sending Postfix */
	const char *nmid;
	const char *reverse_path;    /* without angle brackets */
	struct ph_headers *headers;  /* ours among them are true */
	uint64_t id;		     /* internal-message-id */
	uint64_t size;		     /* bytes */
	int64_t connected, received; /* the final dot */
	int64_t stored;
	/* Of SEND alone: whom it was handed to. */
	const char *peer; /* FQDN */
	const char *peer_address;
};

/* An array of struct ph_track_record; g_array_unref. */
GArray *ph_rows_new(void);
/* Recipients are NULL-terminated; none: no row. */
void ph_rows_add(GArray *rows, enum ph_row row,
		 const struct ph_row_facts *facts,
		 const char *const *recipients);
/* Next to each other in the log. A failure is logged with queue_id: the mail
 * goes on. */
void ph_rows_write(GArray *rows, struct ph_track_log *log,
		   const char *queue_id);

#endif
