using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Ssb.Conn.Cli;

/// <summary>Durations as people write and read them: <c>30s</c>, <c>2m</c>, <c>1h</c>.</summary>
internal static class Durations
{
    /// <summary>Longer than anybody watches, and still within what a timer can wait for.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(720);

    /// <summary>Reads a whole number followed by s, m or h; without a unit it counts seconds. From 1 second to 720 hours.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text))
            return false;

        int seconds = text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
        ReadOnlySpan<char> digits = seconds == 0 ? text : text.AsSpan(0, text.Length - 1);
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count))
            return false;

        long total = (long)count * Math.Max(seconds, 1);
        if (total < 1 || total > (long)Longest.TotalSeconds)
            return false;
        duration = TimeSpan.FromSeconds(total);
        return true;
    }

    /// <summary>At most three characters, for a column: <c>9s</c>, <c>59m</c>, <c>23h</c>, <c>99d</c>.</summary>
    public static string Short(TimeSpan duration)
    {
        long seconds = Math.Max(0, (long)duration.TotalSeconds);
        return seconds switch
        {
            < 100 => $"{seconds}s",
            < 100 * 60 => $"{seconds / 60}m",
            < 100 * 3600 => $"{seconds / 3600}h",
            _ => $"{Math.Min(99, seconds / 86400)}d",
        };
    }

    /// <summary>As on a clock: <c>0:42</c>, <c>12:05</c>, <c>1:00:00</c>.</summary>
    public static string Clock(TimeSpan duration)
    {
        long seconds = Math.Max(0, (long)duration.TotalSeconds);
        return seconds < 3600
            ? $"{seconds / 60}:{seconds % 60:00}"
            : $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}";
    }
}
