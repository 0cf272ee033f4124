#ifndef PH_DIRECTORY_STATUS_H
#define PH_DIRECTORY_STATUS_H

#include "lib/base/conf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What "posthub status" shows of the directory: whoever writes the directory
 * file writes this as well, to state_dir/directory.status as JSON when it
 * changes: "program" ("directory"), "pid", "connected", "since" and "updated"
 * (ISO 8601), "refused", "reason", "complete", "entries", "reads", and
 * "errors", an array of {"key", "text", "kept"}, the first thousand.
 */
struct ph_directory_status {
	bool complete;	  /* the file holds everything that Redis held */
	bool connected;	  /* of LDAP: it answered the last question */
	int64_t since;	  /* of connected, wall clock ms */
	uint64_t entries; /* recipients in the file; of LDAP: answers */
	uint64_t errors;  /* keys whose newest value is not in force */
	uint64_t reads;	  /* how often everything was read and taken over */
	char reason[256]; /* why a read was refused, or not connected */
};

/* Where it is, by the settings; g_free. */
char *ph_directory_status_path(const struct ph_conf *conf);

/* Takes errors. What cannot be written is not shown. */
void ph_directory_status_write(const char *path,
			       const struct ph_directory_status *status,
			       json_t *errors);

/* connected, since and reason. false: it is not there, or not to be read. */
bool ph_directory_status_read(const char *path,
			      struct ph_directory_status *status_r);

/* An element of errors. */
json_t *ph_directory_status_error(const char *key, const char *text, bool kept);

#endif
