namespace Ssb.Conn.Cli;

/// <summary>A command could not do as asked. The message is one sentence for a person: what failed, and what to do.</summary>
/// <remarks>It may repeat texts of strangers: whoever shows it cleans it.</remarks>
internal sealed class FailedException(string message, Exception? innerException = null) : Exception(message, innerException);
