# The same on 16 H100: a replica spans two p5.48xlarge, in a capacity block that you have bought.
teacher_instance_type     = "p5.48xlarge"
teacher_nodes_per_replica = 2
teacher_replicas          = 1
capacity_market           = "capacity-block"
# capacity_reservation_id = "cr-…"
verifier_max_nodes = 2
