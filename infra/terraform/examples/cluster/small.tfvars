# A distilled teacher of up to 32B in FP8: four L4, on the spot market.
teacher_instance_type = "g6.12xlarge"
teacher_replicas      = 2
capacity_market       = "spot"
verifier_max_nodes    = 1
head_instance_type    = "m7i.xlarge"
