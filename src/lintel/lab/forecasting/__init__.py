"""Backtests of forecasts: protocols, figures, plots and the report."""
