#ifndef PH_POLICY_AHEAD_H
#define PH_POLICY_AHEAD_H

#include "policy/maps.h"

#include <glib.h>

/*
 * What will be asked about a recipient once its message has been taken is
 * looked up at RCPT: a directory that asks a server then knows it, and neither
 * posthub-transport nor the queue manager waits for the server, or is told that
 * it has gone away since. What cannot be said now is left to them.
 */

/* steps (resolve_steps.h): where the message goes. */
void ph_ahead_steps(const struct ph_sources *sources, const GPtrArray *steps);

/* The same of an address that has an entry. */
void ph_ahead_address(const struct ph_sources *sources, const char *address);

#endif
