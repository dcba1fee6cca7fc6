//! Exploration of models: forecast scores and baselines, designs, sensitivity, attribution.
