/* The application: it lets go of the asset, and uses it, each in transactions of its own. */

inline let_go() { /* the row goes and its queue row is born, in one commit */
  refs--; letting_go = 0;
  q[rows].status = PENDING; q[rows].grace = world(WITHIN_GRACE); q[rows].newer = newer;
  printf("> the asset is let go of: row %d is queued\n", rows);
  rows++;
  unflushed = world(ASYNCHRONOUS);
  if :: refs == 0 -> was_used[0] = 0; was_used[1] = 0 :: else fi
}

proctype Releaser() {
  do
  :: atomic { refs > 0 && releases > 0 && !letting_go ->
      releases--; letting_go = 1; older = writing;
      if :: world(SLOW) :: else -> let_go() fi }
  :: atomic { letting_go -> let_go() }
  od
}

/* Where the reference trigger stops: it waits for a claim's lock, and stops at what is being deleted or may have been. */
#define deleting(k) (q[k].status == PROCESSING || (q[k].in_doubt && (q[k].status == FAILED || !without(TRIGGER_DOUBTS))))
#define stops(k) (k < sees && (deleting(k) || (q[k].locked && !without(TRIGGER_LOCKS))))
#define trigger_stops (world(TRIGGER) && (stops(0) || stops(1) || stops(2)))
#define deleted(k) (k < sees && q[k].status == COMPLETED && !without(TRIGGER_GONE))
#define trigger_ends (world(TRIGGER) && (deleted(0) || deleted(1) || deleted(2)))

#define in_grace (rows > 0 && q[rows - 1].grace)
#define may_read_1 (refs > 0 || (world(AGAIN) && (!world(WITHIN_GRACE) || in_grace)))
#define may_read_2 ((!world(LOOKS_FIRST) || !gone) && (!world(WHILE_CLAIMED) || q[0].status == PENDING))
#define may_write_1 (refs > 0 || world(AGAIN) || world(REPEATABLE))
#define may_write_2 ((!world(WHILE_CLAIMED) || (q[0].status == PROCESSING && !q[0].in_doubt)) && (!world(LOOKS) || !gone))
#define may_write_3 (!world(WHILE_IN_DOUBT) || (q[0].status == PROCESSING && q[0].in_doubt))
#define may_write_4 (!world(WHILE_FAILED) || (q[0].status == FAILED && q[0].in_doubt))

inline end_for(k) { q[k].shared = 0; if :: q[k].barrier == HELD_UP -> q[k].barrier = PASSED :: else fi }

inline end_transaction() {
  reading = 0; waiting = 0; writing = 0; older = 0; sees = 0;
  end_for(0); end_for(1); end_for(2)
}

inline share(k) { if :: k < sees && unfinished(k) -> q[k].shared = 1 :: else fi }

inline write() { /* the reference stands there, not committed yet */
  printf("> a reference is written\n");
  reading = 0; waiting = 0; writing = 1;
  if :: world(TRIGGER) && !without(TRIGGER_LOCKS) -> share(0); share(1); share(2) :: else fi
}

#define may_upload (!world(AFTERWARDS) || !(unfinished(0) || unfinished(1) || unfinished(2)))

proctype User() {
  do
  :: atomic { uses > 0 && !reading && !waiting && !writing && may_read_1 && may_read_2 ->
      uses--; reading = 1; sees = rows; printf("> a transaction reads that it may use the asset\n") }
  :: atomic { reading && may_write_1 && may_write_2 && may_write_3 && may_write_4 ->
      if :: world(REPEATABLE) :: else -> sees = rows fi;
      if
      :: trigger_ends -> end_transaction()
      :: !trigger_ends && trigger_stops && world(WAITS) -> reading = 0; waiting = 1; printf("> the trigger waits\n")
      :: !trigger_ends && trigger_stops && !world(WAITS) -> end_transaction()
      :: !trigger_ends && !trigger_stops -> write()
      fi }
  :: atomic { waiting && !trigger_stops -> sees = rows; if :: trigger_ends -> end_transaction() :: else -> write() fi }
  :: atomic { writing -> printf("> the reference is committed\n"); refs++; check_dangling(); end_transaction() }
  :: atomic { reading || writing || (waiting && !without(TRIGGER_LIMIT)) ->
      printf("> the transaction is rolled back\n"); end_transaction() }
  /* another file under the same public id, and then the row that names it (level 2) */
  :: atomic { uploads > 0 && refs == 0 && may_upload ->
      uploads--; gone = 0; newer = 1; uploading = 1; printf("> another file is uploaded under the same id\n") }
  :: atomic { uploading -> printf("> a row that names it is committed\n"); uploading = 0; refs++; check_dangling() }
  od
}
