#include "store/delivery/store_private.h"

#include <glib.h>

struct ph_store_message {
	struct ph_store *store;
	void *message;
};

struct ph_store *
ph_store_new(const struct ph_store_ops *ops, void *self)
{
	struct ph_store *store = g_new0(struct ph_store, 1);

	store->ops = ops;
	store->self = self;
	return store;
}

void
ph_store_close(struct ph_store **store)
{
	if (!*store)
		return;
	(*store)->ops->close((*store)->self);
	g_clear_pointer(store, g_free);
}

enum ph_store_result
ph_store_begin(struct ph_store *store, const char *database, int64_t epoch,
	       struct ph_store_message **message_r, struct ph_err *err)
{
	enum ph_store_result result;
	void *message;

	result = store->ops->begin(store->self, database, epoch, &message, err);
	if (result != PH_STORE_OK)
		return result;
	*message_r = g_new0(struct ph_store_message, 1);
	(*message_r)->store = store;
	(*message_r)->message = message;
	return PH_STORE_OK;
}

enum ph_store_result
ph_store_write(struct ph_store_message *message, const char *data, size_t size,
	       struct ph_err *err)
{
	struct ph_store *store = message->store;

	return store->ops->write(store->self, message->message, data, size,
				 err);
}

enum ph_store_result
ph_store_seal(struct ph_store_message *message, struct ph_err *err)
{
	struct ph_store *store = message->store;

	return store->ops->seal(store->self, message->message, err);
}

void
ph_store_offer(struct ph_store_message *message,
	       const struct ph_store_offer *offer)
{
	struct ph_store *store = message->store;

	if (store->ops->offer)
		store->ops->offer(store->self, message->message, offer);
}

enum ph_store_result
ph_store_commit(struct ph_store_message *message,
		const struct ph_store_mailbox *mailbox, struct ph_err *err)
{
	struct ph_store *store = message->store;

	return store->ops->commit(store->self, message->message, mailbox, err);
}

int
ph_store_end(struct ph_store_message **message, struct ph_err *err)
{
	struct ph_store *store;
	int r;

	if (!*message)
		return 0;
	store = (*message)->store;
	r = store->ops->end(store->self, (*message)->message, err);
	g_clear_pointer(message, g_free);
	return r;
}

void
ph_store_sweep(struct ph_store *store,
	       bool (*keep)(void *context, const char *database, int64_t epoch),
	       void *context)
{
	store->ops->sweep(store->self, keep, context);
}

size_t
ph_store_look(struct ph_store *store, ph_stalls_tell *tell, void *context)
{
	return store->ops->look ? store->ops->look(store->self, tell, context)
				: 0;
}
