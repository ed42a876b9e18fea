namespace Ssb.Conn.Cli;

/// <summary>What the tool tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>It did as asked.</summary>
    public const int Success = 0;

    /// <summary>It could not, or something failed on the way.</summary>
    public const int Failure = 1;

    /// <summary>The command line was wrong.</summary>
    public const int Misuse = 2;
}
