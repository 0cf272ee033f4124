#ifndef PH_STORE_SUBMISSION_IMAP_CONF_H
#define PH_STORE_SUBMISSION_IMAP_CONF_H

#include "lib/base/conf.h"
#include "store/submission/imap.h"

/*
 * [submission] imap: 1 and *server_r, whose texts are the configuration's and
 * whose endpoint, password and folders are its own (ph_imap_server_clear, also
 * after -1); 0: not set, mailboxes are Maildirs;
 * -1 PERM.
 */
int ph_imap_server_read(const struct ph_conf *conf,
			struct ph_imap_server *server_r, struct ph_err *err);
void ph_imap_server_clear(struct ph_imap_server *server);

#endif
