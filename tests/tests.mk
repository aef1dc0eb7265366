# SPDX-License-Identifier: Apache-2.0
# Test programs.  A unit test links the core library alone: that keeps the core pure.

UNIT := arena_test deadline_test seqset_test strmap_test text_test time_test

UNIT_PROGRAMS := $(UNIT:%=$(BUILD)/tests/unit/%)

.PHONY: unit-tests
unit-tests: $(UNIT_PROGRAMS)

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lcmocka

# The store on a private PostgreSQL: tests/store/run PROGRAM [rate]
STORE_IO := loop pg pg_columns store store_batch store_read store_sql town_read
STORE_TEST_OBJ := $(call obj,tests/store/store_test.c tests/store/store_fixture.c $(STORE_IO:%=daemon/io/%.c))

.PHONY: store-test
store-test: $(BUILD)/tests/store/store_test
	tests/store/run $<

$(BUILD)/tests/store/store_test: $(STORE_TEST_OBJ) $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -levent_core -lpq $(CORE_LIBS) -lcmocka
