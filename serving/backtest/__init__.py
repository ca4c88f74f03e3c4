"""What a rule of choosing sites would have met: on history, and in a closed loop on the synthetic city."""
