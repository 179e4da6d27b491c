"""wfctl beside what people use today: each measurement prints ratios from one run."""
