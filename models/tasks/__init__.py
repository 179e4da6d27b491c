"""Classification, regression, segmentation and metric learning."""
