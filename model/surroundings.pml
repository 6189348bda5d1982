/* What surrounds the workers: time, Cloudinary's late effects, a crash of Postgres, the operator. */

#define held_up (writing || waiting || (reading && world(REPEATABLE) && !world(IMPATIENT)))
#define wants_barrier(k) (k < rows && unfinished(k) && q[k].barrier == NOT_TAKEN && due(k))

inline take_barrier(k) {
  if
  :: held_up && !(without(YOUNGER_WRITERS) && !older) -> q[k].barrier = HELD_UP
  :: else -> q[k].barrier = PASSED
  fi;
  printf("> the barrier of row %d is taken: held up %d\n", k, q[k].barrier == HELD_UP)
}

#define owns(w, k) (on[w] == k && under[w] == q[k].claim_no)
#define orphaned(k) (!owns(0, k) && !owns(1, k))
#define in_call(k) ((owns(0, k) && calling[0]) || (owns(1, k) && calling[1]))
/* the reserve of a lease is the longest that a call may take, so no lease passes during its owner's call */
#define may_pass(k) (k < rows && q[k].leased && !q[k].over && !in_call(k) && (orphaned(k) || expiries > 0))

inline pass_lease(k) { /* by the database's clock and, no later, by the owner's */
  q[k].over = 1; printf("> the lease of row %d passes\n", k);
  if :: orphaned(k) :: else -> expiries-- fi;
  if :: owns(0, k) -> too_late[0] = 1 :: else fi;
  if :: owns(1, k) -> too_late[1] = 1 :: else fi;
  if :: without(ONE_WAY) -> q[k].status = PENDING; q[k].leased = 0; q[k].over = 0 :: else fi
}

#define grace_may_end(k) (k < rows && q[k].grace && !reading && !writing)

inline crash_postgres() { /* what was not flushed is undone: the row is there again, its queue row is not */
  printf("> Postgres crashes\n"); unflushed = 0; rows = 0; refs++; check_dangling();
  q[0].status = 0; q[0].claim_no = 0; q[0].attempts = 0; q[0].barrier = NOT_TAKEN; q[0].leased = 0; q[0].over = 0
}

proctype Time() {
  do
  :: atomic { wants_barrier(0) -> take_barrier(0) }
  :: atomic { wants_barrier(1) -> take_barrier(1) }
  :: atomic { wants_barrier(2) -> take_barrier(2) }
  :: atomic { may_pass(0) -> pass_lease(0) }
  :: atomic { may_pass(1) -> pass_lease(1) }
  :: atomic { may_pass(2) -> pass_lease(2) }
  :: atomic { grace_may_end(0) -> q[0].grace = 0 }
  :: atomic { grace_may_end(1) -> q[1].grace = 0 }
  :: atomic { grace_may_end(2) -> q[2].grace = 0 }
  :: atomic { unflushed && rows == 1 && !q[0].locked -> crash_postgres() }
  od
}

inline come_late(k) { q[k].late--; if :: act(k) :: true fi }

proctype Remote() { /* a request that was given up acts after all, or never */
  do
  :: atomic { q[0].late > 0 -> come_late(0) }
  :: atomic { q[1].late > 0 -> come_late(1) }
  :: atomic { q[2].late > 0 -> come_late(2) }
  od
}

#define retriable(k) (retries > 0 && k < rows && (q[k].status == FAILED || q[k].status == SKIPPED))

inline retry(k) {
  retries--; printf("> an operator retries row %d\n", k);
  move(k, PENDING);
  q[k].attempts = 0; q[k].handovers = 0; q[k].settle = 0; q[k].barrier = NOT_TAKEN;
  if :: without(RETRY_DOUBTS) -> q[k].in_doubt = 0 :: else fi;
  if :: without(RETRY_NUMBER) -> q[k].claim_no = 0 :: else fi
}

#define cancellable(k) (k < rows && q[k].status == PENDING && !q[k].shared && (!q[k].in_doubt || without(NO_CANCEL)))
#define may_cancel (cancels > 0 && !q[0].locked && !q[1].locked && !q[2].locked)

inline cancel(k) { if :: cancellable(k) -> printf("> an operator cancels row %d\n", k); move(k, SKIPPED) :: else fi }

proctype Operator() {
  do
  :: atomic { retriable(0) -> retry(0) }
  :: atomic { retriable(1) -> retry(1) }
  :: atomic { retriable(2) -> retry(2) }
  :: atomic { may_cancel && (cancellable(0) || cancellable(1) || cancellable(2)) ->
      cancels--; cancelled = 1;
      if
      :: !without(CANCEL_ALL) -> cancel(0); cancel(1); cancel(2)
      :: without(CANCEL_ALL) && cancellable(0) -> cancel(0)
      :: without(CANCEL_ALL) && cancellable(1) -> cancel(1)
      :: without(CANCEL_ALL) && cancellable(2) -> cancel(2)
      fi }
  od
}
