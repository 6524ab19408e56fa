# DeepSeek-R1 (671B, FP8, 689 GB of weights): one replica fits the 1,128 GB of one p5en.48xlarge (8 H200).
teacher_instance_type     = "p5en.48xlarge"
teacher_nodes_per_replica = 1
teacher_replicas          = 1
verifier_max_nodes        = 2
