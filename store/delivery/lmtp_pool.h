#ifndef PH_STORE_DELIVERY_LMTP_POOL_H
#define PH_STORE_DELIVERY_LMTP_POOL_H

#include "lib/smtp/client.h"

/*
 * Connections to one LMTP server, kept between messages. Thread-safe; one
 * connection belongs to whoever took it.
 */
struct ph_lmtp_pool;

/* Copies. */
struct ph_lmtp_pool *ph_lmtp_pool_new(const struct ph_smtp_options *options);
/* All have been given back or closed; NULL is fine. */
void ph_lmtp_pool_free(struct ph_lmtp_pool **pool);

/* A connection between two transactions; NULL TEMP. *kept_r: it was used
 * before, so the server may have closed it meanwhile. */
struct ph_smtp *ph_lmtp_pool_take(struct ph_lmtp_pool *pool, bool *kept_r,
				  struct ph_err *err);
/* Between two transactions again; sets NULL. One that is of no more use is
 * closed by ph_smtp_close instead. */
void ph_lmtp_pool_give(struct ph_lmtp_pool *pool, struct ph_smtp **smtp);

/* Closes those that nobody has used for so long, ms. */
void ph_lmtp_pool_tidy(struct ph_lmtp_pool *pool, int64_t idle);

#endif
