/* SPDX-License-Identifier: Apache-2.0 */
/* What a line `at …` says behind its time and its devices.  Faults are the words' (words.h). */
#ifndef SIM_ACTION_H
#define SIM_ACTION_H

#include "scenario/scenario.h"
#include "scenario/words.h"

FW_MUST_CHECK int sim_action_read(struct sim_words *w, struct sim_action *a);
FW_MUST_CHECK int sim_action_read_raw(struct sim_words *w, struct sim_action *a);
FW_MUST_CHECK int sim_action_read_flood(struct sim_words *w, struct sim_action *a);

/* Is an act next?  Takes its word, and its verb into *a. */
bool sim_action_accept_act(struct sim_words *w, struct sim_action *a);
FW_MUST_CHECK int sim_action_read_act(struct sim_words *w, struct sim_action *a);

/* When its last message is due. */
int64_t sim_action_last_us(const struct sim_action *a);

#endif
