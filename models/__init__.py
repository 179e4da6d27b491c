"""What can be trained: tasks, networks, data sets and preprocessing modules."""
