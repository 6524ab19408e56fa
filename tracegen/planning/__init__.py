"""What a run will take, before it is begun: assumptions or a pilot, the scheduler in virtual time, an interval."""
