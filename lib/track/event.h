#ifndef PH_TRACK_EVENT_H
#define PH_TRACK_EVENT_H

/*
 * The values of the columns event-id and source that there are: those of
 * Exchange 2016 and later, whose logs are read as well. Lists end with NULL.
 * Source: facts/exchange-tracking.md sections 4 and 5.
 */
extern const char *const ph_track_events[];
extern const char *const ph_track_sources[];

#endif
