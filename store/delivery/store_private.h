#ifndef PH_STORE_DELIVERY_STORE_PRIVATE_H
#define PH_STORE_DELIVERY_STORE_PRIVATE_H

#include "store/delivery/store.h"

/* For the twins, which look inside each other. */
struct ph_store {
	const struct ph_store_ops *ops;
	void *self;
};

#endif
