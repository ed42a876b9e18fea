namespace Ssb.Conn.Cli;

/// <summary>A command could not do as asked. The message is one sentence for a person: what failed, and what to do.</summary>
/// <param name="message">The sentence.</param>
/// <param name="innerException">What caused it.</param>
/// <param name="brief">The same in a few words, for who knows already what was tried and where; null: the sentence.</param>
/// <remarks>It may repeat texts of strangers: whoever shows it cleans it.</remarks>
internal sealed class FailedException(string message, Exception? innerException = null, string? brief = null) : Exception(message, innerException)
{
    /// <summary>In a few words.</summary>
    public string Brief => brief ?? Message;
}
