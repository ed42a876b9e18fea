namespace Ssb.Conn.Cli;

/// <summary>The command line was wrong. The message says what, and what would have been right; no secret is in it.</summary>
internal sealed class MisuseException(string message) : FormatException(message);
